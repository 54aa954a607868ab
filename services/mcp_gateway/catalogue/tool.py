"""The tool, as the gateway serves it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mcp_gateway.catalogue.apps import App
from mcp_gateway.catalogue.billing import Billing
from mcp_gateway.catalogue.composite import Composite
from mcp_gateway.catalogue.fill import Fill, FromCredential
from mcp_gateway.catalogue.graphql import GraphqlQuery
from mcp_gateway.catalogue.inputs import Inputs
from mcp_gateway.catalogue.jobs.task import Task
from mcp_gateway.requests.operation import Operation
from mcp_gateway.results.check import Check, compile_check, compile_error_check
from mcp_gateway.results.content import CompiledShape
from mcp_gateway.results.fields import FieldPath
from mcp_gateway.results.instructions import InstructionGuard
from mcp_gateway.results.output import Output


@dataclass(frozen=True, slots=True)
class ArgumentProblem:
    """One argument that violates the tool's schema, with a message that a model can act on."""

    argument: str
    """The argument's path, such as `due.date` or `labels[2]`; empty for the arguments as a whole."""
    message: str


@dataclass(frozen=True, slots=True)
class ResponseCheck:
    """A condition on every answer: a field must equal a claim of the caller, or one of the claim's
    values."""

    field: FieldPath
    claim: str
    holds: Check = dataclasses.field(init=False, compare=False, repr=False)
    """Tells whether a parsed answer meets the condition, given the claim's values."""
    holds_in_error: Check = dataclasses.field(init=False, compare=False, repr=False)
    """The same for an error of the API, which may hold a record at any place."""

    def __post_init__(self) -> None:
        """Compile the checks once."""
        object.__setattr__(self, "holds", compile_check(self.field))
        object.__setattr__(self, "holds_in_error", compile_error_check(self.field))


@dataclass(frozen=True, slots=True)
class DeclaredPagination:
    """How a list is paginated, as the manifest declares it."""

    argument: str
    """The argument that asks for the next page."""
    next: FieldPath
    """The field of the answer that holds the value for that argument."""
    size: str | None = None
    """The argument that sets how many items a page holds."""
    most: int | None = None
    """The largest value of `size`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Which parts of an answer the model reads."""

    fields: tuple[FieldPath, ...] = ()
    """Keep only these fields; empty keeps all."""
    redact: tuple[FieldPath, ...] = ()
    """Replace the values of these fields."""
    paging: DeclaredPagination | None = None
    most_bytes: int | None = None
    """The size limit of the result; None means the default."""
    guard: InstructionGuard | None = None
    """What to do with an answer that contains instructions for the model; None means the
    manifest's default."""


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """How often one tenant may call the tool; None means that only the tier's limits apply."""

    per_minute: int | None = None
    concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A tool's version and deprecation."""

    version: str | None = None
    deprecated: bool = False
    sunset: date | None = None
    """The last day on which the tool is served."""
    replaced_by: str | None = None
    """The tool to use instead."""


@dataclass(frozen=True, slots=True)
class FormerName:
    """One former name of a tool, and what its arguments were called then."""

    name: str
    until: date
    """The last day on which calls by this name are accepted, in UTC."""
    arguments: Mapping[str, str]
    """Former name of each argument that has another name now."""
    input_schema: Mapping[str, Any]
    """The tool's schema with the former names of its arguments, so that problems are told in them."""
    validate: Callable[[Mapping[str, Any]], Sequence[ArgumentProblem]]

    def rename(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments under their present names."""
        return {self.arguments.get(name, name): value for name, value in arguments.items()}


@dataclass(frozen=True, slots=True)
class Icon:
    """A picture that clients may show (MCP 2025-11-25, Icons)."""

    src: str
    """An https URL, or a `data:` URL with the picture itself."""
    mime_type: str = ""
    sizes: tuple[str, ...] = ()
    """Each `WxH` or `any`; empty if the picture fits every size."""
    theme: str = ""
    """`light` or `dark`, for the background that the picture is made for."""

    @property
    def published(self) -> dict[str, Any]:
        """The icon as clients read it."""
        members = {"mimeType": self.mime_type, "sizes": list(self.sizes), "theme": self.theme}
        return {"src": self.src, **{name: value for name, value in members.items() if value}}


@dataclass(frozen=True, slots=True)
class Tool:
    """A named, described and authorized way to call one upstream operation."""

    name: str
    title: str
    description: str
    scope: str
    """The one scope that a call needs; a scope above it in the hierarchy also suffices."""
    toolsets: tuple[str, ...]
    """Toolset names without `@`; always contains `read` or `write`."""
    read_only: bool
    destructive: bool
    idempotent: bool
    input_schema: Mapping[str, Any]
    """JSON Schema 2020-12 of the arguments that a model may give, without bound and filled ones."""
    bindings: Mapping[str, str]
    """Argument key of the operation to the claim that fills it: `tenant_id`, `sub`, `client_id` or
    `data_scope.KIND`."""
    operation: Operation
    deadline: float
    """Seconds that an upstream call may take."""
    validate: Callable[[Mapping[str, Any]], Sequence[ArgumentProblem]]
    """Checks arguments against `input_schema`, compiled once; returns nothing if they are valid."""
    checks: tuple[ResponseCheck, ...] = ()
    """Every check must hold, or the gateway withholds the answer."""
    shape: Shape = field(default_factory=Shape)
    compiled_shape: CompiledShape = field(default_factory=CompiledShape)
    """`shape`, compiled for the operation."""
    limits: ToolLimits = field(default_factory=ToolLimits)
    billing: Billing = field(default_factory=Billing)
    confirm: str | None = None
    """The question that a person confirms before the call; None if no confirmation is needed."""
    approval: bool = False
    """Whether an admin of the caller's tenant must approve each call."""
    inputs: Inputs = ()
    """The questions for arguments that the model left out, in rounds."""
    validate_all: Callable[[Mapping[str, Any]], Sequence[ArgumentProblem]] = lambda _: ()
    """Like `validate`, but also requires the arguments that `inputs` asks for."""
    slow: bool = False
    """Whether a waiting client receives progress notifications."""
    mirror: Mapping[str, str] = field(default_factory=dict)
    """Argument to the name under which clients repeat it, in the header `Mcp-Param-{name}`."""
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    open_world: bool = False
    """Whether a call may reach beyond the API's own data, such as strangers or public pages."""
    fill: Mapping[str, Fill] = field(default_factory=dict)
    """Argument key of the operation to what the gateway fills it with."""
    purpose: str = ""
    """The argument by which a model says what it is trying to do; empty if the manifest asks for none."""
    api: str = ""
    """The name of its API among several; empty if the gateway has only one."""
    graphql: GraphqlQuery | None = None
    """The query whose variables are the operation's body, for a GraphQL tool."""
    former: tuple[FormerName, ...] = ()
    """The names that the tool had before, by which clients may still call it."""
    app: App | None = None
    """How hosts show the answer to a person; None shows it as text."""
    remote: str = ""
    """The name that its MCP server has for the tool; empty for an operation."""
    remote_headers: Mapping[str, str] = field(default_factory=dict)
    """Argument to the N of the header Mcp-Param-N, in which its MCP server wants it repeated."""
    composite: Composite | None = None
    """The calls of other tools that this one makes. Its operation only names them."""
    task: Task | None = None
    """How clients follow the job that a call starts; None if a call is over with its answer."""

    icons: tuple[Icon, ...] = ()
    output: Output | None = None
    """The schema of its structured content; None publishes none."""

    @property
    def most_calls(self) -> int:
        """The most calls to its API that one call of the tool makes, without retries."""
        if self.composite is None:
            return 1
        return sum(self.composite.times.values())

    @property
    def target(self) -> str:
        """What a call reaches: `METHOD /path` of a REST API, or the name of an MCP server's tool."""
        return self.remote or f"{self.operation.method} {self.operation.path}"

    @property
    def asked_title(self) -> str:
        """The title by which people decide about a call: it names the calls of a composite tool."""
        calls = () if self.composite is None else self.composite.titles
        return f"{self.title} ({', '.join(calls)})" if calls else self.title

    @property
    def credentials(self) -> dict[str, str]:
        """The arguments that credentials fill, each with the name of its credential."""
        return {
            key: fill.name for key, fill in self.fill.items() if isinstance(fill, FromCredential)
        }


_PURPOSES = ("purpose", "purpose_of_call")


def name_purpose(tool: Tool) -> str:
    """Return the argument by which a model may say what it is trying to do: one that the tool does not have."""
    taken = {*tool.input_schema["properties"], *tool.bindings, *tool.fill}
    taken.update(name for former in tool.former for name in former.arguments)
    numbered = (f"{_PURPOSES[1]}_{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (*_PURPOSES, *numbered) if name not in taken)


def publish_tool(tool: Tool) -> dict[str, Any]:
    """Describe a tool as every revision since 2025-06-18 does; older clients ignore new members."""
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        **({} if tool.output is None else {"outputSchema": tool.output.schema}),
        "annotations": {
            "title": tool.title,
            "readOnlyHint": tool.read_only,
            "destructiveHint": tool.destructive,
            "idempotentHint": tool.idempotent,
            "openWorldHint": tool.open_world,
        },
        **publish_icons(tool.icons),
    }


def publish_icons(icons: Sequence[Icon]) -> dict[str, Any]:
    """Return the member `icons` of what has some, and nothing otherwise."""
    return {"icons": [icon.published for icon in icons]} if icons else {}
