"""What must fit together in a configuration.

Each check reads the plain mapping and passes over parts of the wrong type, which the schema
reports: so one run names every fault.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from reticent.config.faults import Fault, did_you_mean, shown
from reticent.core import BadPolicy
from reticent.policy import read_step

LISTEN = "127.0.0.1:8080"
ADMIN = "127.0.0.1:8081"

KIND_BY_SUFFIX = {
    ".skops": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".joblib": "sklearn",
    ".onnx": "onnx",
    ".csv": "replay",
    ".parquet": "replay",
    ".arrow": "replay",
    ".jsonl": "replay",
}
OF_URL: Mapping[str, Any] = {  # and what each is where it is left out
    "protocol": None,
    "served_as": None,
    "version": "",
    "key_env": None,
    "guarded": False,
    "outputs": {},
    "settings": {},
    "batch_rows": 100,
    "timeout_s": 30.0,
    "wait_s": 120.0,
}
LEARNERS = ("forest", "boosting", "logistic", "mlp")
OTHER_SQL = frozenset(
    """alter attach call copy create delete describe drop explain export from install insert load
    pragma set show summarize truncate update values with""".split()  # noqa: SIM905  # a list of 21 lines
)
CLASSIFIERS_ONLY, REGRESSORS_ONLY = ("label", "top_k", "scores"), ("value",)


def is_sql(source: str) -> bool:
    """Return whether a data source is a query rather than a file.

    >>> is_sql("select * from 'people.csv'"), is_sql("selected.csv")
    (True, False)
    """
    words = source.split(maxsplit=1)
    return len(words) == 2 and words[0].lower() == "select"


def faults_between(doc: Mapping[str, Any]) -> list[Fault]:
    """Return every fault that no single value shows."""
    checks = (
        _model,
        _data,
        _columns,
        _sensitive,
        _adversary,
        _exposure,
        faults_of_policies,
        faults_of_audit,
        _guard,
    )
    return [fault for check in checks for fault in check(doc)]


def _model(doc: Mapping[str, Any]) -> Iterator[Fault]:
    model = _table(doc, "model")
    if not model:
        return
    path, call, kind = model.get("path"), model.get("call"), model.get("kind")
    ways = [name for name in ("path", "call", "url") if model.get(name) is not None]
    if not ways:
        yield Fault(
            ("model",),
            "[model] has neither path nor call nor url.",
            'Give path = "model.skops", call = "package.module:function" or url = "http://...".',
        )
    elif len(ways) > 1:
        both = " and ".join(f"{name} ({shown(model[name])})" for name in ways)
        yield Fault(
            ("model", ways[-1]),
            f"[model] has {'both ' if len(ways) == 2 else ''}{both}.",
            "Keep one of them.",
        )
    elif kind == "function" and not call:
        yield Fault(
            ("model", "kind"),
            f"model.kind is 'function', which is reached by call, but {ways[0]} is given.",
            f'Give call = "package.module:function" instead of {ways[0]}.',
        )
    elif kind in ("sklearn", "onnx", "replay") and path is None:
        yield Fault(
            ("model", "kind"),
            f"model.kind is {kind!r}, which is read from a file, but {ways[0]} is given.",
            f"Give path instead of {ways[0]}, or leave kind out.",
        )
    elif kind == "http" and "url" not in ways:
        yield Fault(
            ("model", "kind"),
            f"model.kind is 'http', which is reached by url, but {ways[0]} is given.",
            f'Give url = "http://127.0.0.1:9000" instead of {ways[0]}.',
        )
    elif isinstance(path, str) and kind is None:
        suffix = PurePath(path).suffix.lower()
        if suffix not in KIND_BY_SUFFIX:
            yield Fault(
                ("model", "path"),
                f"model.path is {shown(path)}; its suffix {suffix!r} does not say what kind of "
                "model it is.",
                'Set model.kind to "sklearn", "onnx" or "replay".',
            )
    yield from _endpoint(model)


def _endpoint(model: Mapping[str, Any]) -> Iterator[Fault]:
    """What says how an endpoint is asked needs one, and an endpoint needs a protocol."""
    if model.get("url") is None:
        for name, default in OF_URL.items():
            if model.get(name, default) != default:
                yield Fault(
                    ("model", name),
                    f"model.{name} is given, which is about an endpoint, but there is no url.",
                    f'Give url = "http://127.0.0.1:9000", or leave {name} out.',
                )
        return
    if model.get("protocol") is None:
        yield Fault(
            ("model",),
            "[model] has a url and no protocol.",
            'Give protocol = "open-inference" or another one that is installed.',
        )


def _data(doc: Mapping[str, Any]) -> Iterator[Fault]:
    data = _table(doc, "data")
    if not data:
        return
    apart = [name for name in ("members", "non_members") if name in data]
    together = [name for name in ("source", "member_column") if name in data]
    if apart and together:
        yield Fault(
            ("data", together[0]),
            f"[data] has {' and '.join(apart)} beside {' and '.join(together)}.",
            "Give members and non_members, or source and member_column.",
        )
    elif len(apart) + len(together) < 2:
        yield Fault(
            ("data",),
            f"[data] has {' and '.join(apart + together) or 'no records'} only; both members and "
            "non-members are needed.",
            "Give members and non_members, or source and member_column.",
        )
    for name in ("members", "non_members", "source", "auxiliary"):
        source = data.get(name)
        if isinstance(source, str):
            yield from _source(("data", name), source)


def _source(key: tuple[str, str], source: str) -> Iterator[Fault]:
    words = source.split(maxsplit=1)
    first = words[0].lower() if words else ""
    other = len(words) == 2 and first in OTHER_SQL and not _like_a_file(source)
    bare = len(words) == 1 and first.rstrip(";") == "select"
    if other or bare or first.startswith(("--", "/*")):
        yield Fault(
            key,
            f"{'.'.join(key)} is {shown(source)}; a query must start with SELECT and name what it "
            "selects.",
            "Put a WITH or a comment inside: SELECT * FROM (WITH ...).",
        )
    elif not words or (not is_sql(source) and not source.isprintable()):
        yield Fault(
            key,
            f"{'.'.join(key)} is {shown(source)}; it must be a file name or a query.",
            "Give a CSV, Parquet or Arrow file, or SQL that starts with SELECT.",
        )


def _like_a_file(source: str) -> bool:
    suffix = PurePath(source.strip()).suffix
    return 1 < len(suffix) <= 8 and suffix[1:].isalnum() and "\n" not in source.strip()


def _columns(doc: Mapping[str, Any]) -> Iterator[Fault]:
    """Roles of columns exclude each other."""
    data = _table(doc, "data")
    roles = [(n, data[n]) for n in ("target", "identifier", "member_column") if n in data]
    for i, (name, column) in enumerate(roles):
        for other, taken in roles[:i]:
            if column == taken:
                yield Fault(
                    ("data", name),
                    f"data.{name} is {shown(column)}, which is data.{other} already.",
                    "A column has one role.",
                )
    for i, column in enumerate(_list(data, "features")):
        for name, taken in roles:
            if column == taken:
                yield Fault(
                    ("data", "features", i),
                    f"data.features holds {shown(column)}, which is data.{name}.",
                    "Remove it from features: the model must not be asked with it.",
                )


def _sensitive(doc: Mapping[str, Any]) -> Iterator[Fault]:
    earlier: list[object] = []
    for i, table in enumerate(_list(doc, "sensitive")):
        if not isinstance(table, Mapping):
            continue
        column = table.get("column")
        if isinstance(column, str):
            key = ("sensitive", i, "column")
            if column in earlier:
                yield Fault(
                    key,
                    f"Column {shown(column)} is listed as sensitive twice.",
                    "Remove one of the two [[sensitive]] tables.",
                )
            earlier.append(column)
            yield from _is_input(doc, key, column, "A sensitive column")
        if table.get("continuous") is False and "tolerance" in table:
            yield Fault(
                ("sensitive", i, "tolerance"),
                f"Column {shown(column)} has a tolerance of {shown(table['tolerance'])}, but "
                "continuous = false: categories are right or wrong.",
                "Remove the tolerance, or set continuous = true.",
            )


def _is_input(
    doc: Mapping[str, Any], key: tuple[str | int, ...], column: str, role: str
) -> Iterator[Fault]:
    data = _table(doc, "data")
    for name in ("target", "identifier", "member_column"):
        if data.get(name) == column:
            yield Fault(
                key,
                f"{role} must be an input of the model; {shown(column)} is data.{name}.",
                "Name another column, or remove it here.",
            )
            return
    features = [f for f in _list(data, "features") if isinstance(f, str)]
    if features and column not in features:
        yield Fault(
            key,
            f"{role} must be an input of the model; {shown(column)} is not in data.features.",
            did_you_mean(column, features) or "Add it to data.features, or remove it here.",
        )


def _adversary(doc: Mapping[str, Any]) -> Iterator[Fault]:
    adversary = _table(doc, "adversary")
    hidden = [t.get("column") for t in _list(doc, "sensitive") if isinstance(t, Mapping)]
    named = [column for column in hidden if isinstance(column, str)]
    for i, column in enumerate(_list(adversary, "known")):
        if isinstance(column, str):
            yield from _is_input(doc, ("adversary", "known", i), column, "A known column")
    uses = [
        (("adversary", "hidden_together", i, j), column)
        for i, group in enumerate(_list(adversary, "hidden_together"))
        if isinstance(group, Sequence) and not isinstance(group, str)
        for j, column in enumerate(group)
    ] + [(("adversary", "priors", column), column) for column in _table(adversary, "priors")]
    for key, column in uses:
        if isinstance(column, str) and column not in named:
            yield Fault(
                key,
                f"adversary.{key[1]} names {shown(column)}, which no [[sensitive]] table names.",
                did_you_mean(column, named) or "Add a [[sensitive]] table with its harm class.",
            )


def _exposure(doc: Mapping[str, Any]) -> Iterator[Fault]:
    task = _table(doc, "model").get("task")
    if task not in ("classification", "regression"):
        return
    shut = REGRESSORS_ONLY if task == "classification" else CLASSIFIERS_ONLY
    for i, channel in enumerate(_list(_table(doc, "exposure"), "channels")):
        if channel in shut:
            yield Fault(
                ("exposure", "channels", i),
                f"exposure.channels holds {shown(channel)}, which a {task} model does not have.",
                "Correct model.task, or name "
                + ("label, top_k or scores." if shut == REGRESSORS_ONLY else "value."),
            )


def faults_of_policies(doc: Mapping[str, Any]) -> Iterator[Fault]:
    """Return what is wrong with the policies as a whole."""
    earlier: list[object] = []
    if _table(doc, "model").get("guarded") is True and len(_list(doc, "policy")) > 1:
        yield Fault(
            ("model", "guarded"),
            "model.guarded is true, and there are several policies; a guard has one in force.",
            "Keep the [[policy]] that the guard has in force for this endpoint.",
        )
    for i, table in enumerate(_list(doc, "policy")):
        if not isinstance(table, Mapping):
            continue
        name = table.get("name")
        if isinstance(name, str):
            if name in earlier:
                yield Fault(
                    ("policy", i, "name"),
                    f"Two policies are called {shown(name)}.",
                    "Give each [[policy]] a name of its own.",
                )
            if name == "all":
                yield Fault(
                    ("policy", i, "name"),
                    "A policy is called 'all', which stands for every policy.",
                    "Choose another name.",
                )
            earlier.append(name)
        for j, step in enumerate(_list(table, "defences")):
            if not isinstance(step, Mapping):
                continue
            try:
                read_step(j, step)
            except BadPolicy as error:
                yield Fault(
                    ("policy", i, "defences", j),
                    f"Policy {shown(name)}: {error.what}",
                    error.way_out,
                )


def faults_of_audit(doc: Mapping[str, Any]) -> Iterator[Fault]:
    """Return what is wrong with the choice of attacks and of declared cells."""
    audit = _table(doc, "audit")
    attacks = _list(audit, "attacks")
    if "all" in attacks and len(attacks) > 1:
        yield Fault(
            ("audit", "attacks"),
            f"audit.attacks is {shown(list(attacks))}; 'all' already holds the others.",
            'Keep ["all"] and use audit.exclude, or remove "all".',
        )
    for i, name in enumerate(_list(audit, "exclude")):
        if name in attacks:
            yield Fault(
                ("audit", "exclude", i),
                f"audit.exclude holds {shown(name)}, which audit.attacks asks for.",
                "Remove it from one of the two.",
            )
    names = _policies_named(doc)
    for i, cell in enumerate(_list(audit, "declared")):
        policy = cell.get("policy") if isinstance(cell, Mapping) else None
        if isinstance(policy, str) and policy != "all" and policy not in names:
            yield Fault(
                ("audit", "declared", i, "policy"),
                f"audit.declared names policy {shown(policy)}; the policies are {shown(names)}.",
                did_you_mean(policy, names),
            )


def _guard(doc: Mapping[str, Any]) -> Iterator[Fault]:
    guard = _table(doc, "guard")
    names = _policies_named(doc)
    taken: list[tuple[object, object]] = []
    yield from _one_port(guard)
    for i, endpoint in enumerate(_list(guard, "endpoint")):
        if not isinstance(endpoint, Mapping):
            continue
        key = ("guard", "endpoint", i)
        text_filter = endpoint.get("text_filter")
        if isinstance(text_filter, dict):
            yield from _text_filter(text_filter, endpoint, (*key, "text_filter"))
        policy = endpoint.get("policy")
        if isinstance(policy, str) and policy not in names:
            yield Fault(
                (*key, "policy"),
                f"guard.endpoint[{i + 1}].policy is {shown(policy)}; the policies are "
                f"{shown(names)}.",
                did_you_mean(policy, names) or "Name a [[policy]] table of this file.",
            )
        name = (endpoint.get("tenant", "default"), endpoint.get("model"))
        if name in taken:
            yield Fault(
                (*key, "model"),
                f"Two endpoints of tenant {shown(name[0])} are called {shown(name[1])}.",
                "Give each [[guard.endpoint]] a name of its own.",
            )
        taken.append(name)
        if endpoint.get("inputs") and endpoint.get("row_shape"):
            yield Fault(
                (*key, "row_shape"),
                f"Endpoint {shown(name[1])} has both inputs and row_shape.",
                "Keep inputs for a table, row_shape for one plain array.",
            )
        yield from _ranges(key, _list(endpoint, "inputs"))


def _one_port(guard: Mapping[str, Any]) -> Iterator[Fault]:
    listen, admin = guard.get("listen", LISTEN), guard.get("admin", ADMIN)
    if not isinstance(listen, str) or not isinstance(admin, str):
        return
    (host, _, port), (other, _, others) = listen.rpartition(":"), admin.rpartition(":")
    same = host == other or {host, other} & {"0.0.0.0", "[::]", "::"}
    if port == others and port.strip("0") and same:
        yield Fault(
            ("guard", "admin"),
            f"guard.admin is {shown(admin)}, and guard.listen is {shown(listen)}: callers and "
            "operators cannot share a port.",
            "Choose another port for one of them.",
        )


def _ranges(key: tuple[str | int, ...], inputs: Sequence[Any]) -> Iterator[Fault]:
    earlier: list[object] = []
    for j, column in enumerate(inputs):
        if not isinstance(column, Mapping):
            continue
        low, high = column.get("low"), column.get("high")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
            yield Fault(
                (*key, "inputs", j, "low"),
                f"Input {shown(column.get('name'))} has low {shown(low)} above high {shown(high)}.",
                "Exchange the two.",
            )
        if column.get("name") in earlier:
            yield Fault(
                (*key, "inputs", j, "name"),
                f"Two inputs are called {shown(column.get('name'))}.",
                "Name each column once.",
            )
        earlier.append(column.get("name"))


def _policies_named(doc: Mapping[str, Any]) -> list[str]:
    policies = [t.get("name") for t in _list(doc, "policy") if isinstance(t, Mapping)] or ["open"]
    return [name for name in policies if isinstance(name, str)]


def _table(doc: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = doc.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(doc: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = doc.get(name)
    return found if isinstance(found, (list, tuple)) else ()


def _text_filter(
    found: Mapping[str, Any], endpoint: Mapping[str, Any], key: tuple[str | int, ...]
) -> Iterator[Fault]:
    if endpoint.get("task", "classification") != "text":
        yield Fault(
            key,
            "text_filter is set for an endpoint whose task is not text.",
            'Write task = "text", or leave text_filter out.',
        )
    if not found.get("index") and not found.get("personal"):
        yield Fault(
            key,
            "text_filter names neither an index nor kinds of personal data.",
            'Write index = "private.index", as "reticent index" builds it.',
        )
    if not found.get("index") and (found.get("allow") or found.get("key")):
        yield Fault(key, "text_filter has allow or key without an index.", "Name the index.")
