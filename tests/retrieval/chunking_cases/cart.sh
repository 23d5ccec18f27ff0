#!/usr/bin/env bash
set -eu

LIMIT=3

# The sum of all.
total() {
  local sum=0
  for item in "$@"; do
    sum=$(add "$sum" "$item")
  done
  echo "$sum"
}

function load {
  curl "https://example.com/$1"
}

total 1 2 3
