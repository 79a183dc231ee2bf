r"""Reasons of the login doctor and the poller in Chinese, by their beginning; what a server said stays as it is.

Each pair is a pattern for the beginning of a reason and its words; groups are ``\1`` to ``\3``.
"""

import re

_LEGACY = "; an old server may need the account setting legacy_tls=true (verification stays on)"
_OFFER = r"; it offers (\S+) with (\S+)"
REASONS = (
    (r"the name (\S+) cannot be resolved", r"无法解析域名 \1"),
    (r"(\S+) leads to an address that is not public, which its setting public_only forbids",
     r"\1 指向非公网地址，账户设置 public_only 禁止连接"),
    (r"(\S+):(\d+) refused the connection", r"\1 的端口 \2 拒绝连接"),
    (r"(\S+):(\d+) cannot be reached \((\w+)\)", r"无法连接 \1 的端口 \2（\3）"),
    (r"(\S+):(\d+) did not answer within (\S+) seconds", r"\1 的端口 \2 在 \3 秒内没有应答"),
    (r"(\S+) does not answer, (\S+) does", r"\1 没有应答，已改用 \2"),
    (r"the certificate of (\S+) is not valid: (.*); it is never accepted", r"\1 的证书无效：\2；不会接受该证书"),
    (r"the certificate ends in (-?\d+) days", r"证书将在 \1 天后到期"),
    (r"(\S+) did not complete the TLS handshake in time", r"\1 未能及时完成 TLS 握手"),
    (r"(\S+) closed the connection during the TLS handshake", r"\1 在 TLS 握手时断开了连接"),
    (r"(\S+) does not speak TLS on this port \((\w+)\)", r"\1 的此端口不支持 TLS（\2）"),
    (r"no common TLS version or cipher with (\S+) \((\w+)\)", r"与 \1 没有共同的 TLS 版本或加密套件（\2）"),
    (r"the server refused STARTTLS; use implicit TLS \(port 993\)", "服务器拒绝 STARTTLS；请改用隐式 TLS（端口 993）"),
    (r"(\S+) greets with PREAUTH, which is not a sign-in and forbids STARTTLS", r"\1 以 PREAUTH 问候，无法安全登录"),
    (r"the server did not greet as an IMAP server; check host and port", "对方不是 IMAP 服务器；请检查主机名和端口"),
    (r"(\S+) did not greet as an IMAP server", r"\1 不是 IMAP 服务器"),
    (r"the server refused the sign-in without saying why", "服务器拒绝登录且未说明原因"),
    (r"the server refused the sign-in", "服务器拒绝登录"),
    (r"the server cannot take the sign-in now", "服务器暂时无法登录"),
    (r"the server limits this account", "服务器限制了此账户"),
    (r"the server asks for a pause", "服务器要求暂停访问"),
    (r"the server wants the client to identify itself", "服务器要求客户端表明身份（ID）"),
    (r"the server does not take this way of sign-in", "服务器不接受此登录方式"),
    (r"the server wants another kind of connection", "服务器要求其他连接方式"),
    (r"IMAP is switched off for this mailbox", "此邮箱未开启 IMAP"),
    (r"the provider wants a sign-in with a web browser first", "服务商要求先用浏览器登录"),
    (r"the server takes no password here \(LOGINDISABLED\); it wants OAuth \(xoauth2\) or another port",
     "服务器在此不接受密码（LOGINDISABLED）；需要 OAuth（xoauth2）或其他端口"),
    (r"no secret is stored for this account", "此账户尚未保存密码或授权码"),
    (r"the user name or the secret is empty", "用户名或密码为空"),
    (r"the access token contains characters outside RFC 6750 section 2\.1", "访问令牌含有不允许的字符"),
    (r"the server closes the connection on ID", "服务器收到 ID 后断开连接"),
    (r"the server closed the connection", "服务器断开了连接"),
    (r"the connection was lost", "连接已断开"),
    (r"no answer for (\S+) seconds", r"\1 秒内没有应答"),
    (r"the transfer is slower than (\S+) bytes per second", r"传输速度低于每秒 \1 字节"),
    (r"the token endpoint of (\S+) gave no token \((.*)\); next try in (\d+) s",
     r"\1 的令牌端点未给出令牌（\2）；\3 秒后重试"),
    (r"the token endpoint of (\S+) gives nothing to this client \((.*)\): check oauth_client_id, client_secret,"
     r" oauth_scope and oauth_token_url of the account, then set one of them again",
     r"\1 的令牌端点拒绝此客户端（\2）：请检查 oauth_client_id、client_secret、"
     r"oauth_scope 和 oauth_token_url 后重新设置"),
    (r"the grant of (\S+) has ended \((.*)\): run (mailweir accounts authorize \S+)(?=;|$)",
     r"\1 的授权已失效（\2）：请运行 \3"),
    (r"(\S+) has no grant yet: run (mailweir .*)", r"\1 尚未授权：请运行 \2"),
    (r"this machine's clock is ([+-]\d+) s off the token endpoint's: set it", r"本机时间与令牌端点相差 \1 秒，请校准"),
    (r"no folder can be opened", "没有可打开的文件夹"),
    (r"the server opened INBOX read-write although read-only was asked for", "服务器未按要求以只读方式打开收件箱"),
    (r"the server gives no UIDVALIDITY", "服务器未提供 UIDVALIDITY"),
    (r"the server gave no body for the newest message", "服务器未返回最新邮件的内容"),
    (r"the message became read while it was looked at", "查看时邮件被标记为已读"),
    (r"the server marks messages as read although they are only looked at \(BODY\.PEEK\), so no more are fetched",
     "服务器把仅查看过（BODY.PEEK）的邮件标为已读，因此不再取信"),
    (r"today's budget of (\d+) octets is used up; it goes on after midnight \(UTC\)",
     r"今天的 \1 字节额度已用完；UTC 零点后继续"),
    (r"folder pattern (.+) of account (\S+) matches nothing; the server has ",
     r"账户 \2 的文件夹模式 \1 没有匹配任何文件夹；服务器上有 "),
    (r"(\d+) lines of the folder list cannot be read, so folders may be missing from it",
     r"文件夹列表中有 \1 行无法读取，可能缺少文件夹"),
    (r"the server lists (\d+) of (\d+) messages", r"共 \2 封邮件，服务器只列出了 \1 封"),
    (r"UIDVALIDITY changed more than five times in a day: the folder rests",
     "UIDVALIDITY 一天内变化超过五次，暂停处理此文件夹"),
    (r"UIDVALIDITY went down; it is read again on a new connection", "UIDVALIDITY 变小，将在新连接上重新读取"),
    (r"the stored secrets need master key (.+), but (\S+) holds", r"已保存的密码需要主密钥 \1，而 \2 中是"),
    (r"the server rejected ([A-Z]+(?: [A-Z]+)?)", r"服务器不接受 \1 命令"),
    (r"the server refused ([A-Z]+(?: [A-Z]+)?)", r"服务器拒绝了 \1 命令"),
    (r"the server cannot answer ([A-Z]+(?: [A-Z]+)?) now", r"服务器暂时无法执行 \1 命令"),
    (r"messages went away during UID FETCH", "取信期间邮件被移走"),
    (r"the server's store is damaged", "服务器上的邮件存储已损坏"),
)  # fmt: skip
_ENDINGS = (
    (re.escape(_LEGACY) + _OFFER, r"；旧服务器可能需要账户设置 legacy_tls=true（仍验证证书）；服务器提供的是 \1 与 \2"),
    (_OFFER, r"；服务器提供的是 \1 与 \2"),
    (re.escape(_LEGACY), "；旧服务器可能需要账户设置 legacy_tls=true（仍验证证书）"),
    (r"; this machine's clock is ([+-]\d+) s off: set it first", r"；本机时间相差 \1 秒，请先校准"),
    (r": a renewed token, too", "：刷新后的令牌同样被拒绝"),
    (r": bring the old key back, or clear the secrets and enter them again", "：请找回原主密钥，或清除密码后重新输入"),
    (r"\. Tell its operator; to fetch all the same: (mailweir .*)", r"。请告知服务器管理员；若仍要取信：\1"),
)
_STATE = re.compile(r"\A[a-z]+: (?=the |UIDVALIDITY |messages )")
"""The word that stands before the reason in the last error of a folder."""


def in_chinese(reason: str) -> str:
    """A reason with its known beginning and ending translated; an unknown one as it is."""
    reason = _STATE.sub("", reason)
    for pattern, words in REASONS:
        said, found = re.subn(rf"\A(?:{pattern})", words, reason)
        if found:
            reason = said
            break
    for pattern, words in _ENDINGS:
        reason = re.sub(rf"(?:{pattern})\Z", words, reason)
    return reason
