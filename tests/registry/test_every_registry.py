"""What every registry has to keep, wherever its records are."""

import threading
from dataclasses import replace

import pytest
from sample_records import record, rendition, view

from underdrawing.coding.keys import Owner
from underdrawing.core.errors import RegistryError
from underdrawing.registry.chain import GENESIS, Head, link
from underdrawing.registry.facts import Facts
from underdrawing.registry.store import open_registry


class TestEveryRegistry:
    def test_is_empty_at_first(self, registry):
        assert len(registry) == 0 and list(registry) == []
        assert registry.head() == Head(0, GENESIS)
        assert registry.audit().ok
        assert registry.nearest([view(1)], 3) == []
        assert registry.by_identity("0" * 16) == []

    def test_gives_back_what_was_added(self, registry, reopened):
        owner = Owner.create().public
        bare = {"identity": None, "code": None, "vector": None, "embedding": None, "facts": Facts()}
        added = [record(1, owner=owner), record(2, **bare), record(3)]
        assert registry.add(added) == [1, 2, 3]
        with reopened() as other:
            entries = list(other)
            assert [entry.number for entry in entries] == [1, 2, 3]
            for entry, given in zip(entries, added, strict=True):
                assert entry.record.to_json() == given.to_json()
                assert entry.record.vector == given.vector and entry.record.code == given.code
            assert entries[0].record.owner.raw == owner.raw
            assert len(other) == 3

    def test_chain_is_the_documented_one(self, registry):
        registry.add([record(1), record(2)])
        first, second = registry
        assert first.hash == link(bytes(32), first.record.to_text())
        assert second.hash == link(first.hash, second.record.to_text())
        assert registry.head() == Head(2, second.hash)

    def test_is_asked_by_identity_file_and_pixels(self, registry):
        registry.add([record(n) for n in range(1, 40)])
        wanted = record(17)
        for copy in (wanted.original, wanted.protected):
            assert [entry.number for entry in registry.by_file(copy.file)] == [17]
            assert [entry.number for entry in registry.by_pixels(copy.pixels)] == [17]
        assert [entry.number for entry in registry.by_identity(wanted.identity)] == [17]
        assert registry.by_identity(record(99).identity) == []
        assert registry.by_file(record(99).original.file) == []
        alike = wanted.original.pixels[:-1] + "0f"[wanted.original.pixels[-1] == "0"]
        assert registry.by_pixels(alike) == [] == registry.by_file(wanted.original.file[:-1])
        assert [entry.number for entry in registry.get([5, 700, 2])] == [5, 2]

    def test_keeps_renditions_and_signatures(self, registry, reopened):
        owner, kept = Owner.create(), rendition(1)
        registry.add([record(1), record(2, rendition=kept).signed(owner), record(3, rendition=rendition(3))])
        with reopened() as other:
            assert other.rendition(1) is None and other.rendition(4) is None
            assert other.rendition(2) == kept.file
            (entry,) = other.get([2])
            assert entry.record.rendition == kept and entry.record.rendition.file is None
            assert entry.record.signature_state() == "valid" and entry.record.owner.raw == owner.public.raw
            assert other.audit().ok
            assert [other.linked(number) for number in range(5)] == [False, True, True, True, False]

    def test_signature_of_another_owner_is_reported(self, registry):
        owner, other = Owner.create(), Owner.create()
        forged = replace(record(1).signed(other), owner=owner.public)
        registry.add([record(2).signed(owner), forged])
        assert [entry.record.signature_state() for entry in registry] == ["valid", "invalid"]
        assert registry.audit().faults == ("record 2: the owner's signature does not hold",)

    def test_a_later_record_of_an_identity_comes_first(self, registry):
        registry.add([record(1), record(2)])
        registry.add([replace(record(1), facts=Facts(caption="Corrected."))])
        found = registry.by_identity(record(1).identity)
        assert [entry.number for entry in found] == [3, 1]
        assert found[0].record.facts.caption == "Corrected."

    def test_knows_the_keys_of_its_owners(self, registry):
        owner, other = Owner.create().public, Owner.create().public
        registry.add([record(1), record(2, owner=owner)])
        assert registry.find_key(owner.short).raw == owner.raw
        assert registry.find_key(other.short) is None

    def test_finds_the_nearest_by_parts_too(self, registry):
        registry.add([record(n) for n in range(1, 601)])
        for wanted in (1, 300, 600):
            found = registry.nearest([view(wanted, noise=0.7, part=0.5)], 3)
            assert found[0].number == wanted and len(found) == 3
            assert 0.6 < found[0].score < 1
            assert found[0].evidence > 2 * found[1].evidence

    def test_finds_what_others_added_since(self, registry, reopened):
        registry.add([record(1)])
        assert [found.number for found in registry.nearest([view(2)], 5)] == [1]
        with reopened() as other:
            other.add([record(2), record(3)])
        assert registry.nearest([view(2)], 5)[0].number == 2
        assert registry.nearest([view(3)], 5)[0].number == 3

    def test_vectors_of_another_embedding_are_not_compared(self, registry):
        registry.add([record(1, embedding="another-1", vector=b"xyz"), record(2)])
        assert [found.number for found in registry.nearest([view(1)], 5)] == [2]
        assert registry.audit().ok

    def test_a_batch_is_added_whole_or_not_at_all(self, registry):
        registry.add([record(1)])
        with pytest.raises(RegistryError, match="Unicode"):
            registry.add([record(2), record(3, original=replace(record(3).original, place="/\udcff.jpg"))])
        assert len(registry) == 1 and registry.audit().ok
        assert registry.add([record(4)]) == [2]

    def test_threads_share_one(self, registry):
        def work(start: int) -> None:
            for n in range(start, start + 10):
                registry.add([record(n)])
                registry.nearest([view(n)], 1)

        threads = [threading.Thread(target=work, args=(100 * k,)) for k in range(1, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(registry) == 30 and registry.audit().ok
        assert len({entry.record.identity for entry in registry}) == 30

    def test_kept_head_shows_what_was_cut_off_or_written_again(self, registry):
        registry.add([record(1), record(2)])
        kept = registry.head()
        registry.add([record(3)])
        assert registry.audit(kept).ok and registry.audit(Head()).ok
        longer = Head(9, kept.hash)
        assert any("record 9" in fault for fault in registry.audit(longer).faults)
        other = Head(kept.count, bytes(32))
        assert any("record 2" in fault for fault in registry.audit(other).faults)
        assert Head.parse(str(kept)) == kept

    def test_closed_is_reported(self, address, registry):
        registry.close()
        with pytest.raises(RegistryError):
            registry.add([record(1)])
        with open_registry(address) as again:
            assert len(again) == 0
