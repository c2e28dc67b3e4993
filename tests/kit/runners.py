"""Runs the kit's files for frameworks as the framework would: their own language, a stand-in for the rest."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

Headers = dict[str, str]

NODE_HEADERS = """
const { launchHeaders } = require(process.argv[1]);
const [sent, origin] = JSON.parse(process.argv[2]);
const server = require("http").createServer((req, res) => launchHeaders(req, res, () => {
  for (const [name, value] of Object.entries(sent)) res.setHeader(name, value);
  res.end("x");
}));
server.listen(0, "127.0.0.1", () => {
  const headers = origin ? { origin } : {};
  require("http").get({ port: server.address().port, host: "127.0.0.1", headers }, (answer) => {
    console.log(JSON.stringify(answer.headers));
    answer.resume();
    server.close();
  });
});
"""
NODE_MOVES = """
const move = require(process.argv[1]);
const [scheme, host, url] = JSON.parse(process.argv[2]);
const res = { setHeader(name, value) { this[name] = value; }, end() {} };
const req = { headers: { host }, socket: { encrypted: scheme === "https" }, url };
move(req, res, () => { res.passed = true; });
console.log(JSON.stringify(res.passed ? [200, null] : [res.statusCode, res.Location]));
"""
RUBY_HEADERS = """
require "json"; load ARGV[0]; sent, origin = JSON.parse(ARGV[1])
_, headers, _ = LaunchHeaders.new(->(_) { [200, sent, []] }).call({ "HTTP_ORIGIN" => origin })
puts JSON.dump(headers)
"""
RUBY_MOVES = """
require "json"; load ARGV[0]; scheme, host, url = JSON.parse(ARGV[1]); path, query = url.split("?", 2)
env = { "rack.url_scheme" => scheme, "HTTP_HOST" => host, "PATH_INFO" => path, "QUERY_STRING" => query.to_s }
status, headers, _ = LaunchRedirects.new(->(_) { [200, {}, []] }).call(env)
puts JSON.dump([status, headers["location"]])
"""
PHP_COMMON = """
class Bag { public $all = [];
  function set($n, $v, $replace = true) { $this->all[strtolower($n)] = $v; }
  function remove($n) { unset($this->all[strtolower($n)]); }
  function get($n) { return $this->all[strtolower($n)] ?? null; } }
class Answer { public $headers; function __construct($sent) { $this->headers = new Bag;
  foreach ($sent as $n => $v) { $this->headers->set($n, $v); } } }
class Asked extends Answer { public $scheme; public $host; public $uri;
  function getScheme() { return $this->scheme; } function getHost() { return $this->host; }
  function getRequestUri() { return $this->uri; } }
class Redirector { function away($to, $status) { return [$status, $to]; } }
function redirect() { return new Redirector; }
require $argv[1];
"""
PHP_HEADERS = (
    PHP_COMMON
    + """
[$sent, $origin] = json_decode($argv[2], true);
$made = (new App\\Http\\Middleware\\LaunchHeaders)->handle(new Asked(array_filter(['Origin' => $origin])),
  fn ($r) => new Answer($sent));
echo json_encode($made->headers->all);
"""
)
PHP_MOVES = (
    PHP_COMMON
    + """
$asked = new Asked([]); [$asked->scheme, $asked->host, $asked->uri] = json_decode($argv[2], true);
echo json_encode((new App\\Http\\Middleware\\LaunchRedirects)->handle($asked, fn ($r) => [200, null]));
"""
)
COMMANDS = {
    ("express", "headers"): ("node", "-e", NODE_HEADERS),
    ("express", "redirects"): ("node", "-e", NODE_MOVES),
    ("rails", "headers"): ("ruby", "-e", RUBY_HEADERS),
    ("rails", "redirects"): ("ruby", "-e", RUBY_MOVES),
    ("laravel", "headers"): ("php", "-r", PHP_HEADERS),
    ("laravel", "redirects"): ("php", "-r", PHP_MOVES),
}
CHECKS = {".js": ("node", "--check"), ".rb": ("ruby", "-c"), ".php": ("php", "-l"), ".sh": ("sh", "-n")}


def program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not on this machine; scripts/system.sh installs it where CI is set")
    return found


def syntax(file: Path) -> None:
    """Have the language's own program read a file."""
    name, option = CHECKS[file.suffix]
    done = subprocess.run([program(name), option, str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def evaluated(code: str, file: Path) -> Any:
    """What a JavaScript expression comes to, in which `it` is what the file exports."""
    script = f"const it = require({json.dumps(str(file))});"
    script += f"Promise.resolve({code}).then((found) => console.log(JSON.stringify(found)))"
    done = subprocess.run([program("node"), "-e", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _run(stack: str, subject: str, file: Path, *arguments: Any) -> Any:
    name, option, script = COMMANDS[stack, subject]
    end = ["--"] if name == "php" else []
    command = [program(name), option, script, *end, str(file), json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def answered(stack: str, folder: Path, sent: Headers, origin: str | None) -> Headers:
    """The headers of an app's answer once they went through the file for its framework; names lower case."""
    if stack == "django":
        return _django(folder / "headers/django_middleware.py", sent, origin)
    file = (
        folder / {"express": "headers/express.js", "rails": "headers/rails.rb", "laravel": "headers/laravel.php"}[stack]
    )
    return {name.lower(): value for name, value in _run(stack, "headers", file, sent, origin).items()}


def _django(file: Path, sent: Headers, origin: str | None) -> Headers:
    middleware = runpy.run_path(str(file))["LaunchHeaders"]
    answer = types.SimpleNamespace(headers=dict(sent))
    middleware(lambda _: answer)(types.SimpleNamespace(headers={"Origin": origin} if origin else {}))
    return {name.lower(): value for name, value in answer.headers.items()}


def moved(stack: str, folder: Path, scheme: str, host: str, url: str) -> tuple[int, str | None]:
    """Status and Location of a request that goes through the file for its framework; 200 where it passes on."""
    if stack == "django":
        return _django_moved(folder / "redirects/django_middleware.py", scheme, host, url)
    names = {"express": "express.js", "rails": "rails.rb", "laravel": "laravel.php"}
    status, location = _run(stack, "redirects", folder / "redirects" / names[stack], scheme, host, url)
    return status, location


def _django_moved(file: Path, scheme: str, host: str, url: str) -> tuple[int, str | None]:
    django = types.ModuleType("django.http")
    django.HttpResponse = lambda status, headers: (status, headers["Location"])  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in ("django", "django.http")}
    sys.modules |= {"django": types.ModuleType("django"), "django.http": django}
    try:
        asked = types.SimpleNamespace(
            META={"HTTP_HOST": host}, is_secure=lambda: scheme == "https", get_full_path=lambda: url
        )
        return runpy.run_path(str(file))["LaunchRedirects"](lambda _: (200, None))(asked)
    finally:
        for name, module in before.items():
            sys.modules.pop(name) if module is None else sys.modules.update({name: module})
