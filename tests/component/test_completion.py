"""Shell completion: its table against each --help, and the real bash and the real kubectl that ask it.

GOSTAT_BIN: the binary. GOSTAT_BIN_DIR: etcd, kube-apiserver and kubectl. zsh and fish are asked where they are installed.
"""

import os
import re
import shutil
import subprocess

import pytest

from apiserver import ApiServer, bin_dir_from_env
from controller_world import API, GOSTAT, ROOT
from crd_cases import MINIMAL


def out(*args, **options):
    return subprocess.run(args, capture_output=True, text=True, timeout=60, check=True, **options).stdout


def complete(*words, **options):
    """What is proposed, and the number in the last line."""
    *offered, how = out(GOSTAT, "__complete", *words, **options).splitlines()
    return offered, int(how.removeprefix(":"))


def help_flags(*command):
    """{--flag: its letter, or ""} of all lines of a --help that begin with flags."""
    found = {}
    for line in out(GOSTAT, *command, "--help").splitlines():
        flags = re.match(r"^ {2,6}((-\w, )?--[a-z0-9-]+([ ,=\[].*)?)$", line)
        if flags:
            before = re.split(r"  +", flags[1])[0]
            letter = re.match(r"-(\w), ", before)
            found |= {name: letter[1] if letter else "" for name in re.findall(r"--[a-z0-9][a-z0-9-]*", before)}
    return found


def commands():
    return re.findall(r"^  ([a-z]+) {2,}", out(GOSTAT, "--help"), re.MULTILINE)


def test_all_subcommands():
    assert complete("") == (complete()[0], 4)
    assert sorted(complete("")[0]) == sorted(commands())
    assert len(commands()) >= 16


@pytest.mark.parametrize("command", [*commands(), "policy lint", "audit verify"])
def test_flags_are_those_of_the_help(command):
    words = command.split()
    offered, how = complete(*words, "--")
    flags = help_flags(*words)
    if command in ("policy", "audit"):  # which show the help of their only subcommand
        flags = {"--help": "h"}
    if command in ("version", "help"):  # which are told in prose
        flags = {"--help": ""}
    assert how == 4
    assert sorted(offered) == sorted(flags)
    for name, letter in flags.items():  # a letter is completed as its name is
        if letter:
            assert complete(*words, f"-{letter}", "") == complete(*words, name, ""), (command, name)


def test_values_are_those_that_are_taken():
    """Each word that is proposed for -o is one that the subcommand knows."""
    for command in (["top"], ["incidents"], ["analyze"], ["diff"], ["watch"], ["backtest"], ["policy", "lint"], ["audit", "verify"]):
        words = complete(*command, "-o", "")[0]
        assert len(words) >= 2
        for word in words:
            done = subprocess.run(
                [GOSTAT, *command, "-o", word, "--nosuchflag"], capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 2 and "nosuchflag" in done.stderr, (command, word, done.stderr)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with ApiServer(bin_dir_from_env(), tmp_path_factory.mktemp("api")) as server:
        server.kubectl("apply", "-k", ROOT / "crds")
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        assert server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})[0] == 201
        for name in ("payments", "prices"):
            made = {**MINIMAL, "metadata": {"name": name}}
            assert server.request("POST", f"{API}/shop/gostatpolicies", made)[0] == 201
        yield server


def test_names_of_the_cluster(api):
    env = {**os.environ, "KUBECONFIG": str(api.admin_kubeconfig)}
    assert complete("top", "-n", "shop", "p", env=env) == (["payments", "prices"], 4)
    assert complete("explain", "--namespace=shop", "pr", env=env) == (["prices"], 4)
    assert complete("incidents", "-n", "s", env=env) == (["shop"], 4)
    assert complete("snapshot", "-n", "shop", "", env=env) == ([], 4)
    missing = {**env, "KUBECONFIG": "/nonexistent"}
    done = subprocess.run(
        [GOSTAT, "__complete", "top", ""], capture_output=True, text=True, timeout=60, env=missing, check=False
    )
    assert (done.stdout, done.stderr) == (":4\n", "")  # nothing is shown in the middle of a line


def test_kubectl_asks_its_plugin(api, tmp_path):
    for name in ("kubectl-gostat", "kubectl_complete-gostat"):
        (tmp_path / name).symlink_to(os.path.realpath(GOSTAT))
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECONFIG": str(api.admin_kubeconfig), "HOME": str(tmp_path)}
    kubectl = bin_dir_from_env() / "kubectl"
    assert out(kubectl, "__complete", "gostat", "in", env=env).splitlines()[:2] == ["incidents", ":4"]
    offered = out(kubectl, "__complete", "gostat", "top", "-n", "shop", "p", env=env).splitlines()
    assert offered[:3] == ["payments", "prices", ":4"]
    assert out(kubectl, "gostat", "incidents", "-n", "shop", env=env) == "no incidents in namespace shop\n"
    assert "usage: kubectl gostat top " in out(kubectl, "gostat", "top", "--help", env=env)


BASH = """
source <({gostat} completion bash)
complete() {{ :; }}
compopt() {{ echo "compopt $*"; }}
COMP_WORDS=({words}); COMP_CWORD=$(({n} - 1)); _gostat_complete {gostat} "" ""
echo "${{COMPREPLY[*]}}"
"""


@pytest.mark.parametrize(
    "words, expected",
    [
        ([GOSTAT, "back"], "backtest\n"),
        ([GOSTAT, "completion", "''"], "bash zsh fish\n"),
        ([GOSTAT, "top", "--output", "=", "j"], "json\n"),
        ([GOSTAT, "analyze", "x"], "compopt -o default\n\n"),
        ([GOSTAT, "snapshot", "-d", "''"], "compopt -o dirnames\n\n"),
    ],
)
def test_bash(words, expected):
    script = BASH.format(gostat=GOSTAT, words=" ".join(words), n=len(words))
    assert out("bash", "--norc", "-c", script) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_sound(shell, tmp_path):
    script = tmp_path / f"gostat.{shell}"
    script.write_text(out(GOSTAT, "completion", shell))
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    out(shell, "-n", script)


def test_no_such_shell():
    done = subprocess.run([GOSTAT, "completion", "tcsh"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and done.stderr == 'gostat completion: "tcsh" is no shell that is known: want bash, zsh or fish\n'
