"""TXT records come from the DNS, and an error of the DNS is not the absence of a record."""

import asyncio
from collections.abc import AsyncIterator

import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rrset
import pytest

from auth_server.outbound.txt_records import NoAnswer, look_up_txt

RECORDS = {
    "_gatepost.acme.example.": ('"gatepost-domain=1"', '"v=spf1 " "-all"'),
    "_gatepost.empty.example.": (),
}


class NameServer(asyncio.DatagramProtocol):
    """Answers with the records above, and fails for `broken.example`."""

    transport: asyncio.DatagramTransport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer, name = dns.message.make_response(query), query.question[0].name.to_text()
        if "broken" in name:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in RECORDS:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif RECORDS[name]:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *RECORDS[name]))
        self.transport.sendto(answer.to_wire(), addr)


@pytest.fixture
async def resolver() -> AsyncIterator[dns.asyncresolver.Resolver]:
    """A resolver that asks the name server of the test."""
    loop = asyncio.get_running_loop()
    listen = loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    transport, server = await listen
    server.transport = transport
    asking = dns.asyncresolver.Resolver(configure=False)
    asking.nameservers = ["127.0.0.1"]
    asking.port = transport.get_extra_info("sockname")[1]
    yield asking
    transport.close()
    await asyncio.sleep(0)


async def test_the_texts_of_all_records_are_found(resolver: dns.asyncresolver.Resolver) -> None:
    found = await look_up_txt("_gatepost.acme.example", resolver=resolver)
    assert set(found) == {"gatepost-domain=1", "v=spf1 -all"}


@pytest.mark.parametrize("name", ["_gatepost.empty.example", "_gatepost.nowhere.example"])
async def test_a_name_without_such_records_has_none(
    resolver: dns.asyncresolver.Resolver, name: str
) -> None:
    assert await look_up_txt(name, resolver=resolver) == []


@pytest.mark.parametrize("name", ["_gatepost.broken.example", f"{'a' * 70}.example"])
async def test_an_error_does_not_count_as_absence(
    resolver: dns.asyncresolver.Resolver, name: str
) -> None:
    with pytest.raises(NoAnswer):
        await look_up_txt(name, resolver=resolver)
