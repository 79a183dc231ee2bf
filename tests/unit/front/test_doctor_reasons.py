import re
from pathlib import Path

import pytest

import services
from services.front.doctor_reasons import REASONS, in_chinese

SOURCES = Path(services.__file__).parent


@pytest.mark.parametrize(
    ("reason", "chinese"),
    [
        ("the name imap.x.cn cannot be resolved", "无法解析域名 imap.x.cn"),
        ("imap.x.cn:993 refused the connection", "imap.x.cn 的端口 993 拒绝连接"),
        ("the server refused the sign-in: 密码错误", "服务器拒绝登录: 密码错误"),
        ("the server refused the sign-in without saying why: LOGIN failed", "服务器拒绝登录且未说明原因: LOGIN failed"),
        ("the server refused the sign-in: no: a renewed token, too", "服务器拒绝登录: no：刷新后的令牌同样被拒绝"),
        (
            "the grant of w has ended (invalid_grant): run mailweir accounts authorize w; this machine's clock is "
            "+3600 s off: set it first",
            "w 的授权已失效（invalid_grant）：请运行 mailweir accounts authorize w；本机时间相差 +3600 秒，请先校准",
        ),
        (
            "no common TLS version or cipher with h (NO_SHARED_CIPHER); an old server may need the account setting "
            "legacy_tls=true (verification stays on)",
            "与 h 没有共同的 TLS 版本或加密套件（NO_SHARED_CIPHER）；"
            "旧服务器可能需要账户设置 legacy_tls=true（仍验证证书）",
        ),
        ("what nobody has foreseen", "what nobody has foreseen"),
    ],
)
def test_a_reason_is_told_in_chinese_and_the_servers_words_stay(reason: str, chinese: str) -> None:
    assert in_chinese(reason) == chinese


def test_every_pattern_belongs_to_a_reason_that_the_program_gives() -> None:
    given = "".join(path.read_text() for room in ("poller", "common") for path in (SOURCES / room).rglob("*.py"))
    given = re.sub(r'"\s*f?"', "", given)
    for pattern, _ in REASONS:
        longest = max(re.split(r"\([^)]*\)\+?|\(\?.*|\(\\S\+\)|\\", pattern), key=len)
        assert longest.strip() in given, pattern
