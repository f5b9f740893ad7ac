"""What every command shares: kubectl's connection options wherever they stand, examples in --help, lazy subcommands."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from rollouts.cli.errors import meant

_SHORT = re.compile(r"-[A-Za-z]=", re.ASCII)
_META = "rollouts.connection"
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:h|m|s|ms|us|µs|ns))+|\d+(?:\.\d+)?", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)([a-zµ]*)", re.ASCII)
_UNITS_S = {"": 1.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_TRUTHS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}  # as Go reads them


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the cluster is and who asks, as kubectl's flags say it; None: as the kubeconfig says."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None
    server: str | None = None
    token: str | None = None
    insecure_skip_tls_verify: bool = False
    impersonate: str | None = None
    groups: tuple[str, ...] = ()
    impersonate_uid: str | None = None
    cluster: str | None = None
    user: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    tls_server_name: str | None = None
    request_timeout_s: float | None = None
    verbosity: int = 0


def connection(ctx: click.Context) -> Connection:
    """The connection options that were given, before or after the subcommand."""
    return Connection(**ctx.meta.get(_META, {}))


class SpanParam(click.ParamType[float]):
    """A span of time as kubectl writes it: `90`, `90s`, `5m`, `1h30m`. The value is in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; usage error for anything else."""
        if isinstance(value, int | float):
            return float(value)
        if not _SPAN.fullmatch(str(value)):
            self.fail(f"{value!r} is not a span of time such as 30s, 5m or 1h30m", param, ctx)
        return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(str(value)))


def _note(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Keep an option that was given, so that the innermost mention of it wins."""
    if value is not None and value is not False and value != ():
        ctx.meta.setdefault(_META, {})[param.name] = value
    return value


def _namespaces(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of namespaces; what looks them up is loaded by then."""
    from rollouts.cli.complete import namespaces

    return namespaces(ctx, param, incomplete)


def _options(*, hidden: bool) -> list[click.Parameter]:
    def option(*names: str, help_text: str, shown: bool = False, **extra: Any) -> click.Option:
        return click.Option(
            list(names), help=help_text, expose_value=False, callback=_note, hidden=hidden and not shown, **extra
        )

    return [
        option(
            "-n",
            "--namespace",
            help_text="Namespace; the kubeconfig's by default.",
            shown=True,
            metavar="NS",
            shell_complete=_namespaces,
        ),
        option("--context", help_text="The kubeconfig's context to use.", metavar="NAME"),
        option("--kubeconfig", help_text="Path of the kubeconfig.", metavar="FILE"),
        option("-s", "--server", help_text="Address of the API server.", metavar="URL"),
        option("--token", help_text="Bearer token.", metavar="TOKEN"),
        option("--insecure-skip-tls-verify", is_flag=True, help_text="Do not check the server's certificate."),
        option("--tls-server-name", help_text="Name that the server's certificate must bear.", metavar="NAME"),
        option(
            "--certificate-authority", "ca_file", help_text="Certificate of the server's authority.", metavar="FILE"
        ),
        option("--client-certificate", "certificate_file", help_text="Certificate to log in with.", metavar="FILE"),
        option("--client-key", "key_file", help_text="Key of that certificate.", metavar="FILE"),
        option("--cluster", help_text="The kubeconfig's cluster to use, whatever the context says.", metavar="NAME"),
        option("--user", help_text="The kubeconfig's user to use, whatever the context says.", metavar="NAME"),
        option("--as", "impersonate", help_text="User to impersonate.", metavar="USER"),
        option("--as-group", "groups", multiple=True, help_text="Group to impersonate; repeatable.", metavar="GROUP"),
        option("--as-uid", "impersonate_uid", help_text="UID to impersonate.", metavar="UID"),
        option(
            "--request-timeout",
            "request_timeout_s",
            type=SpanParam(),
            help_text="Give up on one request after this span, for example 10s.",
        ),
        option(
            "-v",
            "--v",
            "--kloglevel",
            "verbosity",
            type=click.IntRange(0, 10),
            help_text="Verbosity; from 6 on, requests are shown.",
        ),
        # Of the contract; nothing here is logged, cached or compressed.
        *(click.Option([name], expose_value=False, hidden=True) for name in ("--loglevel", "--cache-dir")),
        click.Option(["--disable-compression"], is_flag=True, expose_value=False, hidden=True),
    ]


class KubeCommand(click.Command):
    """A command that takes kubectl's connection options, accepts `--flag=true|false`, and shows examples."""

    def __init__(self, *args: Any, examples: str = "", connects: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples.strip("\n")
        if connects:
            self.params += _options(hidden=True)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with `--watch=false` read as kubectl reads it."""
        flags = {
            name: option
            for option in self.params
            if isinstance(option, click.Option) and option.is_flag
            for name in option.opts
        }
        end = args.index("--") if "--" in args else len(args)
        plain = [word for arg in args[:end] for word in _plain_flag(arg, flags)]
        if ctx.resilient_parsing and plain and plain[-1] in self._valued():
            plain.pop()  # an option whose value is being completed; with it in place click forgets what stands before
        return super().parse_args(ctx, _apart(plain, self.params) + args[end:])

    def _valued(self) -> set[str]:
        """The names of the options that take a value."""
        found = (each for each in self.params if isinstance(each, click.Option) and not each.is_flag)
        return {name for option in found for name in option.opts}

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples as they are typed, unwrapped."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.splitlines():
                    formatter.write(f"  {line.strip()}\n")
        if any(param.name == "kubeconfig" for param in self.params):
            formatter.write(f"\nConnection options: {ctx.find_root().info_name} --help\n")


def _apart(args: list[str], params: Sequence[click.Parameter]) -> list[str]:
    """`-n=shop` as `-n shop`, as kubectl reads it; what is none of these options is a subcommand's."""
    own = {name for param in params for name in param.opts}
    is_own = [bool(_SHORT.match(arg)) and arg[:2] in own for arg in args]
    return [word for arg, split in zip(args, is_own, strict=True) for word in ((arg[:2], arg[3:]) if split else (arg,))]


def _plain_flag(arg: str, flags: Mapping[str, click.Option]) -> list[str]:
    """`--watch=false` as `--no-watch` (or nothing where off is the default), `--watch=true` as `--watch`."""
    name, _, value = arg.partition("=")
    truth = _TRUTHS.get(value.lower())
    if name not in flags or truth is None:
        return [arg]
    if truth:
        return [name]
    return [flags[name].secondary_opts[0]] if flags[name].secondary_opts else []


def command(
    name: str, *, examples: str, connects: bool = True, **extra: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """A decorator as click.command's, for a KubeCommand."""
    return click.command(name, cls=KubeCommand, examples=examples, connects=connects, **extra)


def prometheus_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--prometheus-address`, for every command that decides as the controller does."""
    return click.option(
        "--prometheus-address",
        default="",
        metavar="URL",
        envvar="ARGO_ROLLOUTS_PROMETHEUS_ADDRESS",
        show_envvar=True,
        help="Prometheus for metrics that name none.",
    )(function)


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a subcommand lives and the line that a listing shows, so that a listing imports nothing."""

    module: str
    summary: str
    attribute: str = "command"
    hidden: bool = False


class LazyGroup(click.Group):
    """Subcommands by a literal table; each is imported when it is called."""

    def __init__(
        self,
        *args: Any,
        table: Mapping[str, Lazy],
        connects: bool = False,
        elsewhere: Mapping[str, str] | None = None,
        usual: str = "",
        **kwargs: Any,
    ) -> None:
        """elsewhere: commands that people look for here, and what serves them instead.

        usual: the command that people mean who leave it out and name its object at once, "" where there is none.
        """
        super().__init__(*args, **kwargs)
        self.table = table
        self.elsewhere = elsewhere or {}
        self.usual = usual
        if connects:
            self.params += _options(hidden=False)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with `-n=shop` read as kubectl reads it."""
        return super().parse_args(ctx, _apart(args, self.params))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The table's names in the table's order."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None where the table has no such name."""
        if (entry := self.table.get(cmd_name)) is None:
            return None
        found = getattr(importlib.import_module(entry.module), entry.attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table as help shows it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.table.items() if not entry.hidden])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with `help COMMAND`, and with the nearest names where there is no such command."""
        if args and args[0] == "help" and "help" not in self.table:
            if len(args) == 1:
                click.echo(ctx.get_help())
                ctx.exit()
            args = [*args[1:], "--help"]
        if args and not args[0].startswith("-") and args[0] not in self.table:
            hint = self.elsewhere.get(args[0]) or meant(args[0], self.table) or self._known(ctx, args[0])
            ctx.fail(f"no such command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def _known(self, ctx: click.Context, word: str) -> str:
        if self.usual:
            return f"did you mean: {ctx.command_path} {self.usual} {word}?"
        return f"known: {', '.join(name for name, entry in self.table.items() if not entry.hidden)}"
