// The Collector's resolver of configurations: a request a line on standard input, its answer on
// standard output, both JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
)

type request struct {
	URIs []string          `json:"uris"`
	Env  map[string]string `json:"env"`
}

type answer struct {
	Value map[string]any `json:"value"`
	// What an option `key` gets that is a text.
	Text *string `json:"text,omitempty"`
	// Why there is no value.
	Error string `json:"error,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked request
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		if err := answers.Encode(resolve(asked)); err != nil {
			log.Fatal(err)
		}
	}
}

func resolve(asked request) answer {
	os.Clearenv()
	for name, value := range asked.Env {
		os.Setenv(name, value)
	}
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: asked.URIs,
		ProviderFactories: []confmap.ProviderFactory{
			envprovider.NewFactory(),
			fileprovider.NewFactory(),
			yamlprovider.NewFactory(),
		},
		DefaultScheme: "env",
	})
	if err != nil {
		return answer{Error: err.Error()}
	}
	conf, err := resolver.Resolve(context.Background())
	if err != nil {
		return answer{Error: err.Error()}
	}
	found := answer{Value: conf.ToStringMap()}
	var options struct {
		Key string `mapstructure:"key"`
	}
	if conf.Unmarshal(&options, confmap.WithIgnoreUnused()) == nil {
		found.Text = &options.Key
	}
	return found
}
