"""Where the locale is Chinese, commands tell reasons and advice in Chinese; what programs read stays as it is."""

from pathlib import Path
from typing import Any

from tests.integration.signin.commands import Run, add

REFUSED, ADVICE = "服务器拒绝登录", "授权码"


def test_a_refused_sign_in_is_told_in_chinese_by_whatever_tells_of_it(
    run: Run, server: dict[str, Any], tmp_path: Path
) -> None:
    add(run, server, tmp_path, "wrong")
    for words, code in ((("sync",), 4), (("status",), 0), (("accounts", "folders", "work"), 4)):
        done = run(*words, LANG="zh_CN.UTF-8")
        told = done.out + done.err
        assert (done.code, REFUSED in told, ADVICE in told, "refused" in told) == (code, True, True, False), told
    assert REFUSED in run("accounts", "show", "work", LANG="zh_CN.UTF-8").out
    assert "the server refused the sign-in" in run("status").out
    assert "the server refused the sign-in" in run("status", "--json", LANG="zh_CN.UTF-8").out
