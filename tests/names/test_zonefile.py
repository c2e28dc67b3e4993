"""Zone files as DNS hosts export them, and as nobody should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.names import zonefile
from tests.growth import stays_linear

CLOUDFLARE = """;;
;; Domain:     acme.example.
;; Exported:   2026-11-20 10:00:00
;;
;; SOA Record
acme.example\t3600\tIN\tSOA\tns.cloudflare.com. dns.cloudflare.com. 2048 10000 2400 604800 3600

;; A Records
acme.example.\t1\tIN\tA\t203.0.113.10 ; cf_tags=cf-proxied:true
mail.acme.example.\t1\tIN\tA\t203.0.113.25 ; cf_tags=cf-proxied:false

;; CNAME Records
acme.example.\t1\tIN\tCNAME\tsite.pages.dev. ; flattened at the apex
blog.acme.example.\t1\tIN\tCNAME\tacme.ghost.io. ; cf_tags=cf-proxied:false

;; TXT Records
acme.example.\t1\tIN\tTXT\t"v=spf1 include:_spf.google.com" " -all"
"""


def test_a_cloudflare_export_keeps_what_is_proxied():
    found = zonefile.read(CLOUDFLARE, "acme.example")
    assert found.problems == ()
    by_name = {(r.name, r.rdtype): r for r in found.records}
    assert by_name["acme.example", "A"].proxied is True
    assert by_name["mail.acme.example", "A"].proxied is False
    assert by_name["acme.example", "TXT"].text == "v=spf1 include:_spf.google.com -all"
    assert by_name["acme.example", "TXT"].proxied is None
    assert found.names("CNAME") == ("acme.example", "blog.acme.example")


def test_a_bind_file_with_origin_and_relative_names_is_read():
    text = "$ORIGIN acme.example.\n$TTL 300\n@ IN SOA ns1 h 1 1 1 1 1\n  IN NS ns1\nwww 60 IN CNAME @\n"
    found = zonefile.read(text, "acme.example")
    assert ("www.acme.example", "CNAME", "acme.example.") in [(r.name, r.rdtype, r.text) for r in found.records]


def test_records_over_several_lines_are_joined():
    text = '@ SOA ns1 h (\n  1 ; serial (a bracket)\n  1 1 1 1 )\ntxt TXT ( "a;b("\n "c" )\nwww A 203.0.113.1\n'
    found = zonefile.read(text, "acme.example")
    assert [(r.name, r.rdtype) for r in found.records] == [
        ("acme.example", "SOA"),
        ("txt.acme.example", "TXT"),
        ("www.acme.example", "A"),
    ]
    assert found.records[1].text == "a;b(c"


def test_twenty_thousand_records_are_read_and_each_costs_as_much_as_one_of_a_few():
    found = zonefile.read("".join(f"h{n} A 203.0.113.1\n" for n in range(25_000)), "acme.example")
    assert len(found.records) == 20_000
    assert stays_linear(lambda text: zonefile.read(text, "acme.example"), "h A 203.0.113.1\n" * 1000)


def test_one_bad_record_hides_no_others():
    found = zonefile.read("www A 203.0.113.10\nbad A 999.1.1.1\nblog CNAME x.example.\n", "acme.example")
    assert found.names() == ("www.acme.example", "blog.acme.example")
    assert found.problems == ("what starts in line 2 could not be read",)


@pytest.mark.timeout(60)
def test_a_generate_bomb_is_left_out_in_no_time():
    found = zonefile.read("$GENERATE 0-2147483647 host$ A 203.0.113.1\nwww A 203.0.113.10\n", "acme.example")
    assert found.names() == ("www.acme.example",)
    assert found.problems


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["www A 1.2.3.4", "$TTL x", "(", '"', "a TXT \\", "@ MX 1"])).map("\n".join)
)
def test_any_text_is_read_without_an_exception(text):
    zonefile.read(text, "acme.example")
