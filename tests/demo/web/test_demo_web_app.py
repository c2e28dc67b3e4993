"""Harbor Club's app does for members, admins and the payment provider what it should, while no fault is on."""

import re
import sqlite3

import httpx
import pytest
from harbor_club import wait_for

from launchready_lib.demo import names, web


def test_a_session_cookie_is_locked_down_and_known_to_the_database_by_its_hash(club):
    browser = club.browser()
    answer = browser.login(names.MEMBER_EMAIL, club.environment[names.MEMBER_PASSWORD])
    line = next(line for line in answer.headers.get_list("set-cookie") if "session" in line)
    assert line.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))
    token = line.split("=")[1].split(";")[0]
    assert token.encode() not in (club.folder / names.DATABASE_FILE).read_bytes()


def test_login_leads_on_inside_the_site_alone(club):
    password = club.environment[names.MEMBER_PASSWORD]
    for following, led in {
        "/profile": "/profile",
        "//evil.example": "/dashboard",
        "https://evil.example": "/dashboard",
    }.items():
        answer = club.browser().submit("/login", "/login", email=names.MEMBER_EMAIL, password=password, next=following)
        assert answer.headers["location"] == led


def test_a_wrong_password_and_an_unknown_address_look_the_same(club):
    browser = club.browser(address="127.0.0.21")
    texts = [
        re.sub(r'value="[^"]*"', "", browser.login(address, "wrong").text)
        for address in (names.MEMBER_EMAIL, "nobody@else.example")
    ]
    assert texts[0] == texts[1]


def test_a_form_without_its_token_changes_nothing(club):
    member = club.member()
    answer = member.ask("POST", "/profile", data={"name": "Forged", "bio": ""})
    assert answer.status_code == 400
    assert member.get("/api/me").json()["name"] != "Forged"


def test_another_sites_script_may_not_change_anything(club):
    answer = club.member().ask("PATCH", "/api/me", json={"bio": "x"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_a_new_member_signs_up_edits_the_profile_pays_and_signs_out(club):
    browser = club.browser()
    answer = browser.submit("/signup", "/signup", email="audit+1@harborclub.example", name="A", password="long-enough")
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")
    assert "Welcome, A" in browser.get("/dashboard").text
    assert browser.submit("/profile", "/profile", name="<b>B", bio="Hello").status_code == 303
    assert "&lt;b&gt;B" in browser.get("/profile").text
    assert browser.get("/api/me").json()["bio"] == "Hello"
    assert browser.submit("/checkout", "/checkout", plan="yearly").headers["location"] == "/checkout/done"
    cookies = httpx.Cookies(browser.http.cookies)
    assert browser.submit("/dashboard", "/logout").status_code == 303
    browser.http.cookies = cookies
    assert browser.get("/api/me").status_code == 401
    assert browser.get("/dashboard").headers["location"] == "/login?next=%2Fdashboard"


def test_an_address_signs_up_once(club):
    fields = {"email": names.MEMBER_EMAIL, "name": "A", "password": "long-enough"}
    assert club.browser().submit("/signup", "/signup", **fields).status_code == 422


def test_a_reset_message_arrives_and_its_link_works_once_and_ends_every_session(club):
    address = "audit+2@harborclub.example"
    first, second = club.browser(), club.browser()
    first.submit("/signup", "/signup", email=address, name="R", password="first-password")
    second.submit("/forgot", "/forgot", email=address)
    message = wait_for(lambda: next((m for m in club.mail() if m["To"] == address), None))
    assert {"Message-ID", "Date", "From", "Subject"} <= set(message.keys())
    assert message.get_content_type() == "text/plain"
    link = re.search(r"https://harborclub\.example(/reset\?token=\S+)", message.get_content()).group(1)
    token = link.partition("=")[2]
    assert second.submit(link, "/reset", token=token, password="second-password").status_code == 303
    assert first.get("/api/me").status_code == 401
    assert "used up" in second.get(link).text
    assert second.login(address, "first-password").status_code == 401
    assert second.login(address, "second-password").status_code == 303


def test_asking_for_a_reset_says_the_same_for_every_address(club):
    browser = club.browser()
    said = [browser.submit("/forgot", "/forgot", email=a).text for a in (names.ADMIN_EMAIL, "nobody@else.example")]
    assert said[0] == said[1]


def test_a_new_password_ends_the_other_sessions(club):
    address = "audit+3@harborclub.example"
    here, there = club.browser(), club.browser()
    here.submit("/signup", "/signup", email=address, name="P", password="first-password")
    there.login(address, "first-password")
    assert there.get("/api/me").status_code == 200
    fields = {"password": "first-password", "new_password": "second-password"}
    assert here.submit("/profile", "/profile/password", **fields).status_code == 303
    assert (here.get("/api/me").status_code, there.get("/api/me").status_code) == (200, 401)


def test_an_expired_session_leads_to_login(club, monkeypatch):
    member = club.member()
    monkeypatch.setattr(web.database.time, "time", lambda: 4e9)
    assert member.get("/dashboard").status_code == 302


@pytest.mark.parametrize("path", ["/api/dashboard", "/api/me"])
def test_core_reads_are_private_and_revalidate(club, path):
    member = club.member()
    answer = member.get(path)
    assert answer.headers["cache-control"] == "private, no-cache"
    again = member.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert club.browser().get(path).status_code == 401


def test_private_pages_are_never_stored(club):
    member = club.member()
    assert {member.get(path).headers["cache-control"] for path in ("/dashboard", "/profile", "/checkout")} == {
        "no-store"
    }


def test_a_dashboard_is_a_few_indexed_queries(club):
    request = club.member().get("/api/dashboard").headers["x-request-id"]
    lines = [line for line in club.log("queries") if line["request_id"] == request]
    assert 3 <= len(lines) <= 15
    assert {line["route"] for line in lines} == {"/api/dashboard"}
    database = sqlite3.connect(club.folder / names.DATABASE_FILE)
    for line in lines:
        values = (1,) * line["sql"].count("?")
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {line['sql']}", values)]
        assert not [step for step in plan if step.startswith("SCAN")], (line["sql"], plan)
    database.close()


def test_an_admin_lists_members_and_changes_a_subscription(club):
    admin = club.admin()
    assert "Subscriptions" in admin.get("/admin").text
    assert len(admin.get("/admin/api/members?after=450").json()["members"]) == 50
    assert admin.ask("PATCH", "/admin/api/members/3", json={"status": "canceled"}).json() == {
        "id": 3,
        "status": "canceled",
    }
    assert admin.ask("PATCH", "/admin/api/members/3", json={"status": "royal"}).status_code == 400
    assert admin.ask("PATCH", "/admin/api/members/999999", json={"status": "active"}).status_code == 404
    assert admin.submit("/admin", "/admin/members/3", status="active").status_code == 303


@pytest.mark.parametrize(
    ("kind", "body", "total"),
    [
        ("export", None, 500),
        ("invites", {"emails": ["audit+9@harborclub.example"]}, 1),
        ("cohort", {"cohort": "test", "plan": "yearly"}, 2),
    ],
)
def test_bulk_work_is_accepted_at_once_and_done_behind_the_answer(club, kind, body, total):
    admin = club.admin()
    accepted = admin.ask("POST", f"/admin/api/{kind}", json=body)
    assert accepted.status_code == 202
    state = wait_for(lambda: (s := admin.get(accepted.json()["status_url"]).json())["status"] == "done" and s)
    assert state["processed"] >= total
    if kind == "export":
        assert admin.get(state["result_url"]).text.startswith("id,name,email")
