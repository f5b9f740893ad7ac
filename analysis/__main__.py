"""The judge on the command line: `python -m analysis judge|run|replay|explain`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.compare import command as comparing
from analysis.errors import AnalysisError

_EXAMPLES = """examples:
  python -m analysis explain template.yaml                      what each metric means, and what surprises in it
  python -m analysis run template.yaml --arg service=web --address http://localhost:9090
                                                                run the analysis now, from this machine
  python -m analysis replay template.yaml answers.jsonl         the verdict on recorded answers
  python -m analysis judge --kind errors --alpha 0.01 < looks.jsonl
                                                                canary against stable, a look a line

exit code: 0 Successful, 1 Failed, 2 wrong usage or spec, 3 Inconclusive, 4 Error, 5 still running"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code tells the verdict."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis", description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in (
        ("run", "ask Prometheus now and judge its answers"),
        ("replay", "judge recorded answers: a line of JSON each, {metric, at, answer} or {metric, at, error}"),
        ("explain", "say what the metrics of a template mean"),
    ):
        command = commands.add_parser(name, help=told, description=told)
        command.add_argument("template", type=Path, help="AnalysisTemplate or AnalysisRun, YAML or JSON")
        command.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="an argument's value")
        if name == "replay":
            command.add_argument("answers", type=Path, help="the recorded answers, at = seconds since the start")
        if name == "run":
            command.add_argument("--address", default="", help="the Prometheus server where a metric names none")
    comparing.add_command(commands)
    asked = parser.parse_args(arguments)
    if asked.command == "judge":
        return comparing.judge(asked, sys.stdin.buffer, sys.stdout)
    from analysis import program  # the judge of looks starts without it, twice as fast

    try:
        spec = program.spec_of(asked.template, asked.arg)
        if asked.command == "explain":
            return program.explain(spec)
        return program.run(spec, asked.address) if asked.command == "run" else program.replay(spec, asked.answers)
    except (AnalysisError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command line program speaks
        return 2


if __name__ == "__main__":
    sys.exit(main())
