"""gostat analyze and gostat diff, the real binary, on captures of a real Go program in all forms, and on files that are
none.

GOSTAT_BIN and GOSTAT_WORKLOADS as for test_watch.py.
"""

import fcntl
import gzip
import html.parser
import json
import os
import re
import subprocess
import time
import urllib.request

import pytest

from test_watch import GOSTAT, Program

LEAF, ENTRY = "main.(*orders).publish", "main.(*orders).accept.func1"
FORMS = {"pprof": "goroutine?debug=0", "debug=1": "goroutine?debug=1", "debug=2": "goroutine?debug=2"}
MB = 1 << 20


CODES = {"pprof": 1, "debug=1": 0, "debug=2": 1}  # debug=1 does not tell who waits for a channel


def run(*args, stdin=b""):
    done = subprocess.run([GOSTAT, *map(str, args)], input=stdin, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def analyze(*args, code, stdin=b""):
    returned, out, err = run("analyze", "-o", "json", *args, stdin=stdin)
    assert (returned, err) == (code, "")
    assert out.count("\n") == 1
    return json.loads(out)


def compare(*args, code):
    returned, out, err = run("diff", "-o", "json", *args)
    assert (returned, err) == (code, "")
    return json.loads(out)


def leaking(report):
    [pattern] = [p for p in report["patterns"] if p["leafFunction"] == LEAF]
    return pattern


def site(comparison, function=LEAF):
    [found] = [s for s in comparison["sites"] if s["leafFunction"] == function]
    return found


class Captures:
    """Files with what a leaky program answered: at 150 leaked goroutines or more, and later."""

    def __init__(self, directory):
        self.directory = directory
        self.program = Program("leaky", LEAK="channel", RATE="200")
        try:
            self.wait_for(150)
            self.program.post("/leak?on=false")
            for name, path in FORMS.items():
                self.save(name, path)
            self.save("leak", "goroutineleak?debug=0")
            self.save("leak1", "goroutineleak?debug=1")
            self.save("heap", "heap?debug=0")
            self.save("heap1", "heap?debug=1")
            self.leaked = self.count()
            self.program.post("/leak?on=true")
            self.wait_for(self.leaked + 50)
            self.program.post("/leak?on=false")
            self.save("later", FORMS["debug=2"])
            self.later = self.count()
            self.program.post("/release")
            time.sleep(0.3)
            self.save("released", FORMS["debug=2"])
        finally:
            self.program.close()

    def count(self):
        with urllib.request.urlopen(f"http://{self.program.address}/leak", timeout=5) as answer:
            return json.load(answer)["leaked"]

    def wait_for(self, leaked):
        end = time.monotonic() + 20
        while self.count() < leaked:
            assert time.monotonic() < end
            time.sleep(0.05)

    def save(self, name, path):
        with urllib.request.urlopen(f"http://{self.program.address}/debug/pprof/{path}", timeout=10) as answer:
            (self.directory / name).write_bytes(answer.read())

    def __getitem__(self, name):
        return self.directory / name


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    return Captures(tmp_path_factory.mktemp("captures"))


# ---- analyze ----


@pytest.mark.parametrize("form", FORMS)
def test_every_form_tells_the_leak(captures, form):
    report = analyze(captures[form], code=CODES[form])
    assert report["schema"] == "gostat.dev/report/v1"
    [given] = report["inputs"]
    size = captures[form].stat().st_size
    assert given == {
        "name": str(captures[form]),
        "format": form,
        "bytes": size,
        "goroutines": report["goroutines"],
        "truncated": False,
    }
    assert report["goroutines"] >= captures.leaked
    first = report["patterns"][0]
    assert first["leafFunction"] == LEAF
    assert first["entryFunction"] == ENTRY
    assert first["count"] == captures.leaked
    assert re.fullmatch(r"p[0-9a-f]{10}", first["id"])
    assert first["leafFile"].endswith("channel.go")
    assert first["leafLine"] > 0
    assert first["keyFrames"][0] == f"{LEAF} leaky/channel.go:{first['leafLine']}"
    if form == "debug=1":
        assert (first["state"], first["risk"]) == ("running", "Low")
    else:
        assert (first["state"], first["risk"], first["boundary"]) == ("chan send", "Medium", "Communication")
        assert 0.35 <= first["score"] < 0.7
    assert report["packages"][0]["package"] == "main"
    assert report["packages"][0]["count"] >= captures.leaked
    dump = form == "debug=2"
    assert first["waitMinutes"] == ({"min": 0, "p50": 0, "max": 0} if dump else None)
    if dump:
        assert first["createdBy"] == "main.(*orders).accept"
    else:
        assert first["labels"] == {"route": "/orders"}
        assert first["labelSets"] == [{"count": captures.leaked, "labels": {"route": "/orders"}}]


def test_score_has_decimals(captures):
    _, out, _ = run("analyze", "-o", "json", captures["pprof"])
    assert re.search(r'"score":0\.\d{2,4},', out)


def test_patterns_are_ordered_and_limited(captures):
    report = analyze("--top", "0", captures["debug=2"], code=1)
    weights = [p["score"] * p["count"] for p in report["patterns"]]
    assert len(weights) > 2
    assert all(a >= b - 1e-3 * p["count"] for a, b, p in zip(weights, weights[1:], report["patterns"][1:]))
    assert sum(p["count"] for p in report["patterns"]) == report["goroutines"]
    assert sum(p["count"] for p in report["packages"]) == report["goroutines"]
    limited = analyze("--top", "1", captures["debug=2"], code=1)
    assert limited["patterns"] == report["patterns"][:1]
    assert limited["packages"] == report["packages"][:1]
    assert limited["goroutines"] == report["goroutines"]


def test_the_id_is_the_same_in_every_form(captures):
    codes = {**CODES, "leak": 1}
    assert len({leaking(analyze(captures[form], code=code))["id"] for form, code in codes.items()}) == 1


@pytest.mark.parametrize("form", ["leak", "leak1"])
def test_leak_profile(captures, form):
    report = analyze(captures[form], code=1)
    assert leaking(report)["count"] == captures.leaked


def test_nothing_found(captures):
    report = analyze(captures["released"], code=0)
    assert LEAF not in [p["leafFunction"] for p in report["patterns"]]


def test_several_files_are_summed(captures):
    files = [captures["pprof"], captures["debug=1"], captures["later"]]
    report = analyze(*files, code=1)
    assert [i["name"] for i in report["inputs"]] == [str(f) for f in files]
    assert report["goroutines"] == sum(i["goroutines"] for i in report["inputs"])
    assert leaking(report)["count"] == 2 * captures.leaked + captures.later
    assert leaking(report)["waitMinutes"] is not None


@pytest.mark.parametrize("form", FORMS)
def test_stdin(captures, form):
    report = analyze("-", code=CODES[form], stdin=captures[form].read_bytes())
    assert report["inputs"][0]["name"] == "-"
    assert leaking(report)["count"] == captures.leaked


def test_not_packed(captures):
    plain = gzip.decompress(captures["pprof"].read_bytes())
    assert leaking(analyze("-", code=1, stdin=plain))["count"] == captures.leaked


def test_text(captures):
    code, out, err = run("analyze", captures["debug=2"])
    assert (code, err) == (1, "")
    assert f"  1. {LEAF}\n" in out
    assert re.search(r"^     open     \S*channel\.go:\d+$", out, re.M)
    assert f"{captures.leaked} goroutines in chan send" in out
    assert "found    100 or more blocked at one site\n" in out
    assert max(map(len, out.splitlines())) < 200


class Page(html.parser.HTMLParser):
    """Collects the tags, and whether they nest."""

    void = {"meta", "link", "br", "img", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_html(captures):
    code, out, err = run("analyze", "-o", "html", captures["pprof"])
    assert (code, err) == (1, "")
    page = Page(out)
    assert page.open == []
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert not {name for name, _ in page.attributes} & {"src", "href", "style"}
    assert LEAF in page.text
    assert "url(" not in out


def test_html_of_hostile_names(tmp_path):
    dump = tmp_path / "<script>alert(1)<script>.txt"
    dump.write_text(
        "goroutine 1 [chan send, 5 minutes]:\n"
        "main.<script>alert(2)</script>(0x1)\n\t/src/\"onload='x'.go:7 +0x1\n"
        "created by main.<img src=x> in goroutine 2\n\t/src/a&amp;b.go:9 +0x1\n\n"
    )
    code, out, err = run("analyze", "-o", "html", dump)
    assert (code, err) == (0, "")
    page = Page(out)
    assert page.open == []
    assert not page.tags & {"script", "img"}
    assert "main.<script>alert(2)</script>" in page.text


# ---- cut off ----


def test_a_cut_off_dump_is_told_as_far_as_it_goes(captures, tmp_path):
    whole = captures["debug=2"].read_bytes()
    assert whole.count(b"\n\n") > 100
    cut = tmp_path / "cut"
    cut.write_bytes(whole[: len(whole) * 3 // 4])
    report = analyze(cut, captures["debug=1"], code=1)
    assert report["truncated"]
    assert [i["truncated"] for i in report["inputs"]] == [True, False]
    assert captures.leaked * 3 // 2 < leaking(report)["count"] < 2 * captures.leaked
    assert "truncated" in run("analyze", cut)[1]
    assert "Truncated" in run("analyze", "-o", "html", cut)[1]


# ---- bad input ----


def png():
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde"


FOREIGN = {
    "empty": lambda c: b"",
    "PNG": lambda c: png(),
    "packed PNG": lambda c: gzip.compress(png()),
    "ELF": lambda c: open(GOSTAT, "rb").read(),
    "HTML": lambda c: b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>\n",
    "pprof is off": lambda c: b"404 page not found\n",
    "JSON": lambda c: b'{"goroutines": 7}\n',
    "heap profile": lambda c: c["heap"].read_bytes(),
    "heap profile as text": lambda c: c["heap1"].read_bytes(),
    "zeroes": lambda c: bytes(100000),
    "packed nothing": lambda c: gzip.compress(b""),
    "cut gzip": lambda c: c["pprof"].read_bytes()[:200],
    "cut protobuf": lambda c: gzip.decompress(c["pprof"].read_bytes())[:-100],
    "gzip and a broken byte": lambda c: c["pprof"].read_bytes()[:-20] + b"\xff" + c["pprof"].read_bytes()[-19:],
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file(captures, tmp_path, kind):
    bad = tmp_path / "bad"
    bad.write_bytes(FOREIGN[kind](captures))
    for args in (["analyze", bad], ["analyze", captures["pprof"], bad], ["diff", captures["pprof"], bad]):
        code, out, err = run(*args)
        assert (code, out) == (2, ""), "nothing half-done"
        assert err.startswith(f"gostat {args[0]}: {bad}: ")
        assert err.count("\n") == 1
        assert re.search(r"byte|line|gzip|expected", err), err
        assert re.search(r"[^\x20-\x7e\n]", err) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "open: No such file or directory"),
        ("directory", "read: Is a directory"),
        ("new\nline\x1b[2J", "open: No such file or directory"),
    ],
)
def test_unreadable(tmp_path, name, message):
    (tmp_path / "directory").mkdir()
    code, out, err = run("analyze", tmp_path / name)
    shown = str(tmp_path / name).replace("\n", "\\x0a").replace("\x1b", "\\x1b")
    assert (code, out, err) == (2, "", f"gostat analyze: {shown}: {message}\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["analyze"], "a FILE is missing"),
        (["analyze", "-o", "xml", "a"], '-o "xml": want text, json or html'),
        (["analyze", "--top", "x", "a"], '--top "x": want 1 to 1000000, or 0 for all'),
        (["analyze", "-", "-"], 'stdin ("-") is given twice'),
        (["analyze", "--nope", "a"], "no such flag: --nope"),
        (["analyze", "-x", "a"], "no such flag: -x"),
        (["analyze", "a", "--top"], "flag --top needs a value"),
        (["analyze", "--help=x"], "flag --help takes no value"),
        (["diff"], "0 files: want two, OLD and NEW"),
        (["diff", "a"], "1 file: want two, OLD and NEW"),
        (["diff", "a", "b", "c"], "3 files: want two, OLD and NEW"),
        (["diff", "-o", "html", "a", "b"], '-o "html": want text or json'),
        (["diff", "-", "-"], 'stdin ("-") is given twice'),
    ],
)
def test_usage_error(args, message):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["analyze", "diff"])
def test_help(command):
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert (0, out, "") == run("help", command)
    for word in ("usage: gostat " + command, "--top N", "1 to 1000000", "exit codes", "  0  ", "  1  ", "  2  "):
        assert word in out
    assert max(map(len, out.splitlines())) <= 120
    assert f"  {command} " in run("--help")[1]


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_output_that_cannot_be_written(captures, form):
    with open("/dev/full", "w") as full:
        command = [GOSTAT, "analyze", "-o", form, captures["pprof"]]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "gostat analyze: write to stdout: No space left on device\n")


# ---- diff ----


def test_what_grew_and_who_stayed(captures):
    comparison = compare(captures["debug=2"], captures["later"], code=1)
    assert comparison["schema"] == "gostat.dev/diff/v1"
    grown = site(comparison)
    assert grown == comparison["sites"][0]
    assert grown["change"] == "grew"
    assert (grown["old"], grown["new"]) == (captures.leaked, captures.later)
    assert grown["delta"] == captures.later - captures.leaked
    ids = grown["goroutines"].pop("ids")
    assert grown["goroutines"] == {"inBoth": captures.leaked, "onlyOld": 0, "onlyNew": grown["delta"]}
    assert len(ids) == 10
    text = captures["later"].read_text()
    assert all(re.search(rf"^goroutine {i} \[chan send", text, re.M) for i in ids)
    assert comparison["goroutines"]["inBoth"] >= captures.leaked
    assert comparison["counts"]["grew"] >= 1


def test_what_went(captures):
    comparison = compare(captures["later"], captures["released"], code=0)
    gone = site(comparison)
    assert (gone["change"], gone["old"], gone["new"]) == ("went", captures.later, 0)
    assert gone["goroutines"]["onlyOld"] == captures.later


def test_what_appeared(captures):
    comparison = compare(captures["released"], captures["later"], code=1)
    assert (site(comparison)["change"], site(comparison)["old"]) == ("appeared", 0)


@pytest.mark.parametrize("form", [*FORMS, "leak"])
def test_the_same_twice(captures, form):
    comparison = compare(captures[form], captures[form], code=0)
    assert {s["change"] for s in comparison["sites"]} == {"unchanged"}
    assert comparison["counts"]["unchanged"] >= 1


def test_two_forms(captures):
    comparison = compare("--top", "0", captures["pprof"], captures["later"], code=1)
    assert site(comparison)["delta"] == captures.later - captures.leaked
    assert comparison["goroutines"] is None
    assert site(comparison)["goroutines"] is None


def test_diff_of_two_kinds(captures):
    code, out, err = run("diff", captures["pprof"], captures["leak"])
    assert (code, out) == (2, "")
    assert f"{captures['leak']} is a goroutineleak profile and {captures['pprof']} is not" in err


def test_diff_text(captures):
    code, out, err = run("diff", captures["debug=2"], captures["later"])
    assert (code, err) == (1, "")
    assert f"  {captures.leaked} -> {captures.later}  chan send  p" in out
    assert f"            {captures.leaked} in both, 0 only in old, " in out
    assert "; still there: " in out


def test_diff_of_different_processes(captures, tmp_path):
    other = tmp_path / "other"
    other.write_text("goroutine 900000 [running]:\nmain.main()\n\t/src/main.go:7 +0x1\n\n")
    code, out, _ = run("diff", captures["debug=2"], other)
    assert code == 0
    assert "are these dumps of one and the same process?" in out


# ---- size ----


def big_dump(path, size):
    """A dump of many goroutines at 60 places, some of which sleep; ends at the byte, as the runtime cuts it."""
    blocks = []
    for k in range(60):
        state = ("chan send, 12 minutes", "IO wait", "select, 3 minutes", "sleep")[k % 4]
        frames = "".join(
            f"example.com/shop/part{k}.(*worker{i}).step(0xc000{k:06x}, {{0x1, 0x2}})\n"
            f"\t/src/shop/part{k}/worker{i}.go:{i + 10} +0x{i + 16:x}\n"
            for i in range(12)
        )
        blocks.append(f" [{state}]:\n{frames}created by main.main in goroutine 1\n\t/src/main.go:9 +0x1\n\n")
    written, number = 0, 1
    with open(path, "w") as f:
        while written < size:
            piece = "".join(f"goroutine {number + k}{blocks[k]}" for k in range(60))[: size - written]
            f.write(piece)
            written += len(piece)
            number += 60


def peak_of(*args):
    """VmHWM in bytes of a run, read while it waits to write what it has to say."""
    read, write = os.pipe()
    room = fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write, b"x" * room)
    process = subprocess.Popen([GOSTAT, *map(str, args)], stdout=write)
    os.close(write)
    try:
        end, quiet = time.monotonic() + 60, 0
        while quiet < 3:
            assert time.monotonic() < end
            time.sleep(0.1)
            with open(f"/proc/{process.pid}/status") as f:
                status = f.read()
            quiet = quiet + 1 if re.search(r"^State:\s+S", status, re.M) else 0
        with os.fdopen(read, "rb") as out:
            answer = out.read()[room:]
        process.wait(30)
    finally:
        process.kill()
        process.wait()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)[1]) << 10, answer


def test_memory_does_not_grow_with_the_dump(tmp_path):
    dump = tmp_path / "dump"
    big_dump(dump, 64 * MB)
    peak, out = peak_of("analyze", "-o", "json", dump)
    report = json.loads(out)
    assert report["inputs"][0]["bytes"] == 64 * MB
    assert report["truncated"]
    assert report["goroutines"] > 50000
    assert len(report["patterns"]) == 20
    assert peak < 16 * MB
