#!/bin/sh
# The programs that the audit uses beside Python. On Debian as root it installs them; elsewhere it says the one command to
# type and what cannot be measured without it, and goes on.
set -u

missing=""
for program in git:git chromium:chromium; do
    command -v "${program%%:*}" >/dev/null 2>&1 || missing="$missing ${program##*:}"
done
for browser in "${LAUNCHREADY_CHROMIUM:-}" google-chrome google-chrome-stable chromium-browser microsoft-edge \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
    if [ -n "$browser" ] && { command -v "$browser" >/dev/null 2>&1 || [ -x "$browser" ]; }; then
        missing=$(echo "$missing" | sed 's/ chromium//')
    fi
done
# Knot serves the tests' signed zones, strace shows where the browser connects; the others run or read the files that the
# kit prints. An audit needs none of them.
if [ "${CI:-}" = true ]; then
    for program in knotd:knot kdig:knot-dnsutils nginx:nginx-light caddy:caddy node:nodejs ruby:ruby php:php-cli \
        strace:strace; do
        command -v "${program%%:*}" >/dev/null 2>&1 || missing="$missing ${program##*:}"
    done
fi
[ -z "$missing" ] && exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing$missing (apt-get)"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/tmp/launchready-apt.$$ 2>&1 && {
        rm -f /tmp/launchready-apt.$$
        exit 0
    }
    tail -n 5 /tmp/launchready-apt.$$
    rm -f /tmp/launchready-apt.$$
fi

if command -v apt-get >/dev/null 2>&1; then
    say="sudo apt-get install$missing"
elif command -v brew >/dev/null 2>&1; then
    say="brew install$missing"
elif command -v dnf >/dev/null 2>&1; then
    say="sudo dnf install$missing"
else
    say="install$missing with your system's package tool"
fi
echo "Not on this machine:$missing. To have it, type: $say"
case "$missing" in *chromium*) echo "Without Chromium the checks that need a real browser (pages.interactive) stay unknown." ;; esac
case "$missing" in *git*) echo "Without git the checks that read a repository (secrets, environment, rollback) stay unknown." ;; esac
exit 0
