#!/bin/sh
# build: compiles one program as pkg-config says: build.sh <source> <program> <module> [--static]
set -eu
source=$1 program=$2
shift 2
# shellcheck disable=SC2046,SC2086 # these are lists of words
${CXX:-g++} -std=c++20 ${CXXFLAGS:-} "$source" $(pkg-config --cflags --libs "$@") -o "$program"
