"""Log lines of four formats and timed statements, read without trust."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.evidence import Unavailable
from launchready_lib.sources.logbook import fingerprint, parse_line, parse_statements, read_sample

UUID = "3f0a1c77-9d2b-4c1e-8f60-1b2c3d4e5f60"


@pytest.mark.parametrize(
    ("line", "form", "request_id", "method", "where", "status"),
    [
        (
            '{"level":"info","request_id":"a1b2c3d4","method":"GET","path":"/x?y=1","status":200}',
            "json",
            "a1b2c3d4",
            "GET",
            "/x",
            200,
        ),
        (
            '{"time":1,"req":{"id":"a1b2c3d4","method":"POST","url":"/login"},"res":{"statusCode":302}}',
            "json",
            "a1b2c3d4",
            "POST",
            "/login",
            302,
        ),
        (
            '{"severity":"INFO","traceId":"a1b2c3d4","route":"GET /dashboard"}',
            "json",
            "a1b2c3d4",
            "",
            "GET /dashboard",
            0,
        ),
        ('{"message":"GET /x 200","requestId":"a1b2c3d4"}', "json", "a1b2c3d4", "GET", "/x", 0),
        ('{"message":"listening","url":"http://0.0.0.0:3000"}', "json", "", "", "http://0.0.0.0:3000", 0),
        ('web-1  | {"request_id":"a1b2c3d4","path":"/x","status":"500"}', "json", "a1b2c3d4", "", "/x", 500),
        ('{"request_id":null,"method":"GET","path":"/x"}', "json", "", "GET", "/x", 0),
        ('{"request_id":"-","method":"GET","path":"/x"}', "json", "", "GET", "/x", 0),
        ("level=info method=GET path=/x status=200 request_id=a1b2c3d4 ms=3", "logfmt", "a1b2c3d4", "GET", "/x", 200),
        (
            f'at=info method=GET path="/x" host=a request_id={UUID} fwd="1.2.3.4" status=200',
            "logfmt",
            UUID,
            "GET",
            "/x",
            200,
        ),
        (
            '203.0.113.9 - - [10/Nov/2026:13:55:36 +0000] "GET /x HTTP/1.1" 200 512 "-" "curl"',
            "combined",
            "",
            "GET",
            "/x",
            200,
        ),
        (
            f'203.0.113.9 - - [10/Nov/2026:13:55:36 +0000] "GET /x HTTP/1.1" 200 512 "-" "curl" {UUID}',
            "combined",
            UUID,
            "GET",
            "/x",
            200,
        ),
        (f'[{UUID}] Started GET "/x" for 203.0.113.9 at 2026-11-10', "plain", UUID, "GET", "/x", 0),
        ("2026-11-10 INFO [req-id: a1b2c3d4] GET /x 200 in 3ms", "plain", "a1b2c3d4", "GET", "/x", 200),
        ("2026-11-10 12:00:00 INFO worker started", "plain", "", "", "", 0),
        ("", "plain", "", "", "", 0),
        ("{broken json}", "plain", "", "", "", 0),
    ],
)
def test_a_line_tells_its_request(line, form, request_id, method, where, status):
    entry = parse_line(line)
    assert (entry.format, entry.request_id, entry.method, entry.where, entry.status) == (
        form,
        request_id,
        method,
        where,
        status,
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"route":"/x"}', True),
        ('{"method":"GET","path":"/x"}', True),
        ('{"path":"/var/data","message":"opened"}', False),
        ('{"message":"listening","url":"http://0.0.0.0:3000"}', False),
        ("worker started", False),
        ("GET /x 200", True),
    ],
)
def test_only_lines_that_tell_of_a_request_are_taken_for_one(line, expected):
    assert parse_line(line).is_of_request is expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM t WHERE id = 42 AND name = 'O''Brien'", "select * from t where id = ? and name = ?"),
        ("select  *\n from t where id in (1, 2,3)", "select * from t where id in (?)"),
        ("SELECT * FROM t WHERE id = $1 LIMIT $2;", "select * from t where id = ? limit ?"),
        ("SELECT 1 /* secret */ -- note", "select ?"),
        ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')", "insert into t (a, b) values (?)"),
        ("SELECT * FROM t2 WHERE a::int = :name", "select * from t2 where a::int = ?"),
        ("SELECT $tag$anything$tag$", "select ?"),
    ],
)
def test_a_fingerprint_holds_no_value(sql, expected):
    assert fingerprint(sql) == expected


def test_statements_come_from_json_lines_and_postgres_logs():
    lines = [
        json.dumps({"request_id": "r1", "route": "/dashboard", "sql": "select 1", "ms": 12.5}),
        json.dumps({"sql": "select 2", "ms": True}),
        json.dumps({"sql": "select 3", "ms": -1}),
        json.dumps({"sql": "select 3", "ms": float("nan")}),
        json.dumps({"ms": 3}),
        "2026-11-10 12:00:00 UTC [7] app@app LOG:  duration: 412.345 ms  statement: SELECT *",
        "\tFROM events",
        "\tWHERE member = 7",
        "2026-11-10 12:00:00 UTC [7] LOG:  duration: 2.1 ms  execute <unnamed>: SELECT a FROM b WHERE c = $1",
        "2026-11-10 12:00:00 UTC [7] DETAIL:  parameters: $1 = '42'",
        "2026-11-10 12:00:00 UTC [7] LOG:  duration: 0.1 ms",
        json.dumps({"message": "duration: 7.0 ms  statement: SELECT 9 /*controller='dashboard',action='index'*/"}),
        "not a statement",
    ]
    found = [(s.fingerprint, s.ms, s.request_id, s.route) for s in parse_statements(lines)]
    assert found == [
        ("select ?", 12.5, "r1", "/dashboard"),
        ("select * from events where member = ?", 412.345, "", ""),
        ("select a from b where c = ?", 2.1, "", ""),
        ("select ?", 7.0, "", "dashboard#index"),
    ]


def test_a_comment_tells_the_route_and_the_request():
    sql = "SELECT 1 /*request_id:a1b2c3d4,route='%2Fdashboard'*/"
    (statement,) = parse_statements([json.dumps({"sql": sql, "ms": 1})])
    assert (statement.request_id, statement.route) == ("a1b2c3d4", "/dashboard")


def test_the_newest_part_of_a_long_file_is_read(tmp_path):
    log = tmp_path / "app.log"
    log.write_text("".join(f"line {number}\n" for number in range(1000)))
    sample = read_sample(log, "app.log", "logs", most=100)
    assert sample.cut
    assert sample.lines[-1] == "line 999"
    assert all(line.startswith("line ") for line in sample.lines)
    assert not read_sample(log, "app.log", "logs").cut


@pytest.mark.parametrize("content", [None, b"", b"\n\n"])
def test_files_that_are_not_there_or_empty_name_the_parameter(tmp_path, content):
    log = tmp_path / "app.log"
    if content is not None:
        log.write_bytes(content)
    found = read_sample(log, "logs/app.log", "logs")
    assert isinstance(found, Unavailable)
    assert "logs" in found.needs
    assert "logs/app.log" in found.reason


@given(st.text(max_size=300) | st.text(alphabet='{}[]":=, /GETPOSTabcdef0123456789-', max_size=200))
def test_any_text_is_a_line(text):
    parse_line(text)
    fingerprint(text)
    list(parse_statements(text.splitlines()))


def test_hostile_lines_are_read_in_bounded_time():
    for text in (
        "a=" * 8_000,
        '"' * 16_000,
        "{" * 16_000,
        "GET /" * 3_000,
        "'" * 15_999,
        "/*" * 8_000,
        "(?," * 5_000,
        "$a$" * 5_000,
        "[a" * 8_000,
    ):
        parse_line(text)
        parse_line("{" + text + "}")
        fingerprint(text)
        list(parse_statements([f"duration: 1 ms  statement: {text}"] * 3))
