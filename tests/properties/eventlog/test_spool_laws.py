"""The spool as a state machine, and as a file cut off at any byte."""

import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.eventlog.frames import decode_entries, encode_entry
from services.eventlog.port import Entry
from services.eventlog.spool import Spool

texts = st.text(max_size=8)
entries = st.builds(
    Entry,
    key=texts,
    value=st.binary(max_size=40),
    headers=st.lists(st.tuples(texts, st.binary(max_size=5)), max_size=2).map(tuple),
)


@given(st.lists(entries, min_size=1, max_size=6), st.data())
def test_a_file_cut_at_any_byte_gives_exactly_the_whole_entries(
    written: list[Entry], data: st.DataObject
) -> None:
    frames = [encode_entry(entry) for entry in written]
    cut = data.draw(st.integers(0, sum(map(len, frames))))

    found, _ = decode_entries(b"".join(frames)[:cut])

    whole = sum(sum(map(len, frames[: n + 1])) <= cut for n in range(len(frames)))
    assert found == written[:whole]


@given(st.lists(entries, min_size=1, max_size=4), st.data())
def test_a_flipped_bit_never_invents_an_entry(written: list[Entry], data: st.DataObject) -> None:
    raw = bytearray(b"".join(map(encode_entry, written)))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8

    found, _ = decode_entries(bytes(raw))

    assert found == written[: len(found)]
    assert len(found) < len(written)


@settings(max_examples=30)
@given(st.lists(st.lists(entries, max_size=4), max_size=5), st.data())
def test_what_a_killed_process_had_fsynced_is_read_first_by_the_next(
    writes: list[list[Entry]], data: st.DataObject
) -> None:
    # Both are closed however the example ends: a draw may stop it half-way.
    with tempfile.TemporaryDirectory() as folder, ExitStack() as spools:
        home = Path(folder)
        dead = spools.enter_context(closing(Spool(home, max_bytes=1 << 20, segment_bytes=100)))
        for batch in writes:
            dead.write(batch)
        for path in sorted(home.glob("*.seg"))[-1:]:  # killed while it wrote one more
            torn = encode_entry(Entry("k", b"never acknowledged"))
            cut = data.draw(st.integers(0, len(torn) - 1))
            with path.open("ab") as file:
                file.write(torn[:cut])

        heir = spools.enter_context(closing(Spool(home, max_bytes=1 << 20, segment_bytes=100)))
        heir.write([Entry("later", b"1")])

        expected = [entry for batch in writes for entry in batch]
        assert heir.read(1000) == [*expected, Entry("later", b"1")]


class SpoolMachine(RuleBasedStateMachine):
    """Against a list: written in order, read in order, released in order, through restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.spool = self.opened()
        self.model: list[Entry] = []
        self.read = 0

    def opened(self) -> Spool:
        return Spool(Path(self.home.name), max_bytes=1 << 20, segment_bytes=120)

    @rule(batch=st.lists(entries, max_size=5))
    def write(self, batch: list[Entry]) -> None:
        self.spool.write(batch)
        self.model += batch

    @rule(limit=st.integers(1, 6))
    def read_some(self, limit: int) -> None:
        expected = self.model[self.read : self.read + limit]
        assert self.spool.read(limit) == expected
        self.read += len(expected)

    @precondition(lambda self: self.read)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, self.read))
        self.spool.release(count)
        self.model, self.read = self.model[count:], self.read - count

    @rule()
    def rewind(self) -> None:
        self.spool.rewind()
        self.read = 0

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = self.opened()
        again = self.spool.entries - len(self.model)  # released, but their segment was not yet
        assert again >= 0
        if again:
            assert len(self.spool.read(again)) == again
            self.spool.release(again)
        self.spool.rewind()
        self.read = 0

    @invariant()
    def counts_agree(self) -> None:
        assert self.spool.entries == len(self.model)
        on_disk = sum(path.stat().st_size for path in Path(self.home.name).glob("*.seg"))
        assert self.spool.size_bytes == on_disk

    def teardown(self) -> None:
        self.spool.close()
        self.home.cleanup()


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
