const GENERAL = `flowspan turns the TCP connections and requests of this host into OpenTelemetry data.

Usage:
  flowspan <command> [flags]

Commands:
  run          Run the pipelines of a configuration
  validate     Check a configuration without running it
  components   List the components that can be configured

Flags:
  -h, --help      Help for flowspan, or for a command
  -v, --version   Version of flowspan
`

const RUN = `Runs the pipelines of a configuration until SIGTERM or SIGINT, then drains them.

Usage:
  flowspan run --config FILE [--run-as USER]

Flags:
      --config FILE   The configuration, YAML
      --run-as USER   Whom the pipelines run as, once what needs root is open (default nobody)
  -h, --help          Help for run

Exit code 0 after a clean shutdown, 1 when it cannot start or shut down cleanly.
`

const VALIDATE = `Checks a configuration and builds its pipelines without starting them.
Prints nothing and exits 0 if all is well, else names every problem and exits 1.

Usage:
  flowspan validate --config FILE

Flags:
      --config FILE   The configuration, YAML
  -h, --help          Help for validate
`

const COMPONENTS = `Lists the components that can be configured, as YAML.

Usage:
  flowspan components

Flags:
  -h, --help   Help for components
`

const BY_COMMAND: { readonly [command: string]: string } = {
  run: RUN,
  validate: VALIDATE,
  components: COMPONENTS,
}

export function helpText(command: string | undefined): string {
  return command === undefined ? GENERAL : (BY_COMMAND[command] ?? GENERAL)
}
