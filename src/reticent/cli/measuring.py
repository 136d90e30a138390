"""What `audit` and `demo` share: measure, keep what was measured, render."""

import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from reticent.cli.exits import ExitCode
from reticent.cli.paths import put_text
from reticent.cli.progress import listener

if TYPE_CHECKING:
    from reticent.audit.record import Record
    from reticent.config import Config, EmbeddingConfig, ImageConfig, LanguageConfig
    from reticent.core.events import Listener

#: Rendering -> file beside record.json.
FILES = {
    "html": "report.html",
    "md": "report.md",
    "sarif": "report.sarif",
    "junit": "junit.xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asked of an audit."""

    config: Path
    out: Path
    jobs: int | None = None
    seed: int | None = None
    resume: bool = False
    only: Sequence[str] = ()
    trust_model_file: bool = False
    include_records: bool = False
    quiet: bool = False


def measure(wish: Wish, *, again: str) -> "Record":
    """Run the audit, write the record and its renderings into `wish.out`, return the record.

    Args:
        wish: what to do.
        again: the command line that goes on where this one stopped.

    Raises: typer.Exit with 130 on Ctrl-C, after saying what was kept.
    """
    from reticent.audit.workers import begin
    from reticent.config import Config, ImageConfig, LanguageConfig, load_audit

    config = load_audit(wish.config)
    jobs = (wish.jobs or config.audit.jobs) if isinstance(config, Config) else 1
    if jobs > 1:
        begin()  # they import scikit-learn while this process does, and reads the data
    if wish.seed is not None:
        audit = config.audit.model_copy(update={"seed": wish.seed})
        config = config.model_copy(update={"audit": audit})
    if wish.trust_model_file and config.model.path is not None:
        warn_of_code(config.model.path)
    with warnings_in_words(), listener(quiet=wish.quiet) as listen:
        try:
            if isinstance(config, ImageConfig):
                record = _of_pictures(config, wish, listen)
            elif isinstance(config, Config):
                record = _of_tables(config, wish, jobs, listen)
            elif isinstance(config, LanguageConfig):
                record = _of_texts(config, wish, listen)
            else:
                record = _of_vectors(config, wish, listen)
        except KeyboardInterrupt:
            stopped = True
        else:
            stopped = False
    if stopped:
        sys.stderr.write(
            f"\nStopped. What was measured is kept in {wish.out}.\n  To go on: {again}\n"
        )
        raise typer.Exit(ExitCode.STOPPED)
    write(record, wish.out)
    return record


def _of_tables(config: "Config", wish: Wish, jobs: int, listen: "Listener") -> "Record":
    from reticent.audit.run import run_audit
    from reticent.audit.setup import from_config

    return run_audit(
        from_config(config, trust_model_file=wish.trust_model_file),
        out=wish.out,
        jobs=jobs,
        resume=wish.resume,
        only=wish.only,
        include_records=wish.include_records,
        now=lambda: datetime.now(UTC),
        listen=listen,
    )


def _of_vectors(config: "EmbeddingConfig", wish: Wish, listen: "Listener") -> "Record":
    from threadpoolctl import threadpool_limits

    from reticent.audit.embedding.run import run_embedding_audit
    from reticent.audit.embedding.setup import embedding_experiment

    with threadpool_limits(limits=1):
        return run_embedding_audit(
            embedding_experiment(config, kept=wish.out / "vectors"),
            out=wish.out,
            resume=wish.resume,
            only=wish.only,
            now=lambda: datetime.now(UTC),
            listen=listen,
        )


def _of_texts(config: "LanguageConfig", wish: Wish, listen: "Listener") -> "Record":
    from threadpoolctl import threadpool_limits

    from reticent.audit.language.run import run_text_audit
    from reticent.audit.language.setup import text_experiment

    wish.out.mkdir(parents=True, exist_ok=True)
    replies = wish.out / "replies.jsonl"  # what an endpoint wrote, until the audit is over
    if not wish.resume:
        replies.unlink(missing_ok=True)
    with threadpool_limits(limits=1):
        record = run_text_audit(
            text_experiment(config, kept=replies),
            out=wish.out,
            resume=wish.resume,
            only=wish.only,
            now=lambda: datetime.now(UTC),
            listen=listen,
        )
    replies.unlink(missing_ok=True)
    return record


def _of_pictures(config: "ImageConfig", wish: Wish, listen: "Listener") -> "Record":
    from threadpoolctl import threadpool_limits

    from reticent.audit.images.run import run_image_audit
    from reticent.audit.images.setup import image_experiment

    with threadpool_limits(limits=1):
        return run_image_audit(
            image_experiment(config, trust_model_file=wish.trust_model_file),
            out=wish.out,
            resume=wish.resume,
            only=wish.only,
            include_records=wish.include_records,
            now=lambda: datetime.now(UTC),
            listen=listen,
        )


def again(command: str, wish: Wish) -> str:
    """Return the command line that goes on where this one stopped."""
    words = ["--out", str(wish.out), "--resume"]
    words += [word for name in wish.only for word in ("--only", name)]
    if wish.jobs is not None:
        words += ["--jobs", str(wish.jobs)]
    if wish.seed is not None:
        words += ["--seed", str(wish.seed)]
    if wish.trust_model_file:
        words.append("--trust-model-file")
    if wish.include_records:
        words.append("--include-records")
    return f"reticent {command} {shlex.join(words)}"


def write(record: "Record", out: Path) -> None:
    """Write every rendering of the record beside record.json."""
    from reticent.report import render
    from reticent.report.places import lines_of

    lines = lines_of(record.config_path)
    for kind, name in FILES.items():
        put_text(out / name, render(record, kind, lines=lines))


def warn_of_code(model: str) -> None:
    """Say loudly what --trust-model-file means."""
    from rich.console import Console

    Console(stderr=True, highlight=False, markup=False).print(
        f"WARNING: {model} is loaded as --trust-model-file says: whatever code its author put in "
        "runs now, with your rights. Convert it once with skops.io.dump and drop the option.",
        style="bold red",
        soft_wrap=True,
    )


@contextmanager
def warnings_in_words() -> Iterator[None]:
    """Print each Python warning once, without the line of code that it came from."""
    seen: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        text = str(message).strip().split("\n", 1)[0]
        if text not in seen:
            seen.add(text)
            sys.stderr.write(f"warning: {text}\n")

    with warnings.catch_warnings():
        warnings.showwarning = show  # catch_warnings restores it
        yield
