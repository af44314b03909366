// Reads an exposition on stdin as Prometheus does, and writes its families as JSON.
package main

import (
	"encoding/json"
	"log"
	"os"
	"sort"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

type sample struct {
	Labels map[string]string `json:"labels"`
	Value  float64           `json:"value"`
	Count  uint64            `json:"count,omitempty"`
}

type family struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Help    string   `json:"help"`
	Samples []sample `json:"samples"`
}

func main() {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := parser.TextToMetricFamilies(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	families := []family{}
	for name, of := range parsed {
		families = append(families, family{name, of.GetType().String(), of.GetHelp(), samplesOf(of)})
	}
	sort.Slice(families, func(i, j int) bool { return families[i].Name < families[j].Name })
	if err := json.NewEncoder(os.Stdout).Encode(families); err != nil {
		log.Fatal(err)
	}
}

func samplesOf(of *dto.MetricFamily) []sample {
	samples := []sample{}
	for _, metric := range of.Metric {
		labels := map[string]string{}
		for _, pair := range metric.Label {
			labels[pair.GetName()] = pair.GetValue()
		}
		entry := sample{Labels: labels}
		switch {
		case metric.Counter != nil:
			entry.Value = metric.Counter.GetValue()
		case metric.Gauge != nil:
			entry.Value = metric.Gauge.GetValue()
		case metric.Histogram != nil:
			entry.Value = metric.Histogram.GetSampleSum()
			entry.Count = metric.Histogram.GetSampleCount()
		default:
			log.Fatalf("%s is untyped", of.GetName())
		}
		samples = append(samples, entry)
	}
	return samples
}
