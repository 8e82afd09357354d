"""What a reindex would do, how far it is, and what it did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a reindex would do.

    Attributes:
        chunks: Chunks in the source.
        to_embed: Those that would be embedded: new, or with another text than the last time.
        to_write: Those whose vector is already known and that would be written.
        tokens: About how many tokens would be sent: a token for each four bytes.
        price: US dollars for a million tokens, by the model's price list; None if it isn't known.
        price_source: Where the price is from, and when it was looked up.
    """

    chunks: int
    to_embed: int
    to_write: int
    tokens: int
    price: float | None = None
    price_source: str = ""

    @property
    def cost(self) -> float | None:
        """US dollars that it would cost, if the price is known."""
        return None if self.price is None else self.tokens * self.price / 1_000_000

    def __str__(self) -> str:
        if self.cost is None:
            cost = "cost unknown"
        else:
            amount = f"about ${self.cost:,.2f}" if self.cost >= 0.01 else "less than a cent"
            cost = f"{amount} (${self.price:g} a million tokens, {self.price_source})"
        known = f", {self.to_write:,} to write with a vector that is known" if self.to_write else ""
        return f"{self.chunks:,} chunks: {self.to_embed:,} to embed{known}; about {self.tokens:,} tokens, {cost}"


@dataclass(frozen=True, slots=True)
class ReindexProgress:
    """How far a reindex has come.

    Attributes:
        done: Chunks that were dealt with: embedded, found unchanged or skipped.
        total: Chunks in the source; until it has been read, as many as it says that it has, or as were read.
        tokens: About how many tokens were sent.
        skipped: Chunks that can't be embedded.
    """

    done: int
    total: int
    tokens: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Check:
    """What was found when the new index was looked at.

    Attributes:
        expected: Chunks that the index should have.
        found: Chunks that it has.
        sampled: Chunks that were embedded anew.
        alike: How many of these have the vector that the index has, by cosine.
        lowest: The lowest of these cosines.
        k: How many neighbours were looked at.
        recall: Share of the old index's k nearest that are among the new one's, over the sampled texts as queries;
            None if there is no old index to compare with.
        own: Share of the sampled texts that find themselves among the new index's k nearest, asked as a query.
    """

    expected: int
    found: int
    sampled: int = 0
    alike: int = 0
    lowest: float | None = None
    k: int = 10
    recall: float | None = None
    own: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the index has as many chunks as it should, and its vectors are the model's own."""
        return self.found == self.expected and self.alike == self.sampled


@dataclass(slots=True)
class ReindexReport:
    """What a reindex did.

    Attributes:
        source: Where the chunks came from.
        target: The collection that was filled.
        space: Its embedding space.
        estimate: What was to do; counted while the source was read, as far as that came, unless `dry_run` or `confirm`
            asked for it before.
        embedded: Chunks that were embedded in this run.
        resumed: Chunks that were written with a vector that an earlier run had saved.
        rewritten: Chunks of which only the metadata had changed, or that were found in the target already.
        unchanged: Chunks that were as they had been.
        deleted: Chunks that were removed, as the source doesn't have them any more.
        forgotten: Chunks that the index doesn't count any more: they were deleted by other means than the index, or no
            collection has the version that was written.
        skipped: Chunks that can't be embedded: id and reason.
        tokens: About how many tokens were sent.
        seconds: How long the run took.
        state: `done`; `stopped`, if it was asked to stop: the same command goes on; `estimated`, if it was a dry run.
        check: What was found at the end.
        behind: Chunks that were changed meanwhile, and that the target lacks or has in another version.
        command: What to run for these.
    """

    source: str
    target: str
    space: str
    estimate: Estimate
    embedded: int = 0
    resumed: int = 0
    rewritten: int = 0
    unchanged: int = 0
    deleted: int = 0
    forgotten: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0
    state: str = "done"
    check: Check | None = None
    behind: int = 0
    command: str = ""

    @property
    def complete(self) -> bool:
        """Whether the target has every chunk, with its own vector."""
        return self.complete_but_for_skipped and not self.skipped

    @property
    def complete_but_for_skipped(self) -> bool:
        """Whether the target has every chunk that can be embedded, with its own vector."""
        return self.state == "done" and not self.behind and (self.check is None or self.check.passed)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        found = asdict(self)
        found["skipped"] = [{"id": chunk, "reason": reason} for chunk, reason in self.skipped]
        found["estimate"]["cost"] = self.estimate.cost
        found["complete"] = self.complete
        if self.check is not None:
            found["check"]["passed"] = self.check.passed
        return found

    def __str__(self) -> str:
        if self.state == "estimated":
            forgotten = f"; {self.forgotten:,} to forget" if self.forgotten else ""
            return f"{self.source} → {self.target} ({self.space})\n{self.estimate}{forgotten}"
        counts = {
            "embedded": self.embedded,
            "written from the checkpoint": self.resumed,
            "written with the vector that was there": self.rewritten,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
            "forgotten": self.forgotten,
            "skipped": len(self.skipped),
        }
        done = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing to do"
        lines = [f"{self.source} → {self.target} ({self.space})", f"{done}; {self.seconds:.1f} s"]
        lines += [f"skipped {chunk!r}: {reason}" for chunk, reason in self.skipped]
        if self.state == "stopped":
            lines.append("stopped; give the same command again to go on from here")
        if self.check is not None:
            lines += _check_lines(self.check)
        if self.behind:
            lines.append(f"{self.behind:,} chunks were changed meanwhile, and aren't in it yet: run `{self.command}`")
        return "\n".join(lines)


def _check_lines(check: Check) -> list[str]:
    lines = [f"check: {check.found:,} of {check.expected:,} chunks are in the index"]
    if check.sampled:
        lines.append(f"check: {check.alike} of {check.sampled} sampled vectors are the model's own")
    if check.own is not None:
        lines.append(f"check: {check.own:.0%} of the sampled texts find themselves among the {check.k} nearest")
    if check.recall is not None:
        lines.append(f"check: {check.recall:.0%} of the old index's {check.k} nearest are among the new one's")
    return lines
