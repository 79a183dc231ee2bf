"""Texts of the login doctor. ``TEXTS``: per step the first pair whose needed values are there (or equal) is used."""

Rule = tuple[dict[str, str], str]

LABELS = {
    "en": {
        "lookup": "name lookup",
        "connect": "connect",
        "tls": "TLS",
        "greeting": "greeting",
        "capabilities": "capabilities",
        "signin": "sign-in",
        "capabilities_after": "... after sign-in",
        "id": "ID",
        "namespace": "namespaces",
        "folders": "folders",
        "examine": "open INBOX",
        "uidvalidity": "UIDVALIDITY stable",
        "fetch": "first fetch",
        "estimate": "how much mail",
        "idle": "IDLE",
        "roundtrip": "round trip",
    },
    "zh": {
        "lookup": "域名解析",
        "connect": "建立连接",
        "tls": "TLS 加密",
        "greeting": "服务器问候",
        "capabilities": "服务器能力",
        "signin": "登录",
        "capabilities_after": "登录后的能力",
        "id": "ID 命令",
        "namespace": "命名空间",
        "folders": "文件夹",
        "examine": "打开收件箱",
        "uidvalidity": "UIDVALIDITY 稳定性",
        "fetch": "首次取信",
        "estimate": "邮件数量",
        "idle": "IDLE 推送",
        "roundtrip": "往返时间",
    },
}

OUTCOMES = {
    "en": {
        "ok": "All is well: mail can be retrieved.",
        "warning": "Mail can be retrieved; see the lines marked with !",
        "failed": "Mail cannot be retrieved yet.",
        "skipped": "not tried",
    },
    "zh": {
        "ok": "一切正常，可以收取邮件。",
        "warning": "可以收取邮件；请留意带 ! 的项目。",
        "failed": "目前无法收取邮件。",
        "skipped": "未测试",
    },
}

TEXTS: dict[str, dict[str, tuple[Rule, ...]]] = {
    "en": {
        "lookup": (({}, "{host}: {addresses} address(es), {ms} ms"),),
        "connect": (({"ms": ""}, "port {port}, with TLS in {ms} ms"), ({}, "port {port}")),
        "tls": (({}, "{version}, {cipher}, certificate by {issuer}, {days_left} days left"),),
        "greeting": (({}, "{text}"),),
        "capabilities": (({}, "{names}"),),
        "signin": (
            ({"token_renewed": "True"}, "{mechanism} after one renewal of the token, {ms} ms"),
            ({}, "{mechanism}, {ms} ms"),
        ),
        "capabilities_after": (({}, "{names}"),),
        "id": (
            ({"server": ""}, "answered: {server}"),
            ({"sent": "True"}, "sent"),
            ({"advertised": "True"}, "not sent, by the provider's profile"),
            ({}, "not offered"),
        ),
        "namespace": (({"delimiters": ""}, "delimiter {delimiters}"), ({}, "not offered")),
        "folders": (
            ({"special_uses": ""}, "{count} folders, {selectable} can be opened; {special_uses}"),
            ({}, "{count} folders, {selectable} can be opened"),
        ),
        "examine": (({}, "{messages} messages, UIDVALIDITY {uidvalidity}, next UID {uidnext}"),),
        "uidvalidity": (({}, "{first}, then {second}"),),
        "fetch": (
            ({"fetched": ""}, "newest message: {fetched} octets (announced {announced}), still unseen"),
            ({"uid": ""}, "newest message: {announced} octets announced, too large for a try"),
            ({}, "INBOX is empty"),
        ),
        "estimate": (
            (
                {"refused": ""},
                "about {messages} messages in {folders_looked_at} folders; {refused} cannot be counted",
            ),
            ({"octets": ""}, "about {messages} messages, {octets} octets in {folders_looked_at} folders"),
            ({}, "about {messages} messages in {folders_looked_at} folders"),
        ),
        "idle": (
            ({"advertised": "True"}, "offered: new mail is announced at once"),
            ({}, "not offered: polling"),
        ),
        "roundtrip": (({}, "{ms} ms"),),
    },
    "zh": {
        "lookup": (({}, "{host}：{addresses} 个地址，{ms} 毫秒"),),
        "connect": (({"ms": ""}, "端口 {port}，含 TLS 共 {ms} 毫秒"), ({}, "端口 {port}")),
        "tls": (({}, "{version}，{cipher}，证书颁发者 {issuer}，剩余 {days_left} 天"),),
        "greeting": (({}, "{text}"),),
        "capabilities": (({}, "{names}"),),
        "signin": (
            ({"token_renewed": "True"}, "{mechanism}，令牌刷新一次后成功，{ms} 毫秒"),
            ({}, "{mechanism}，{ms} 毫秒"),
        ),
        "capabilities_after": (({}, "{names}"),),
        "id": (
            ({"server": ""}, "服务器回复：{server}"),
            ({"sent": "True"}, "已发送"),
            ({"advertised": "True"}, "按服务商配置未发送"),
            ({}, "服务器不支持"),
        ),
        "namespace": (({"delimiters": ""}, "分隔符 {delimiters}"), ({}, "服务器不支持")),
        "folders": (
            ({"special_uses": ""}, "共 {count} 个文件夹，{selectable} 个可打开；{special_uses}"),
            ({}, "共 {count} 个文件夹，{selectable} 个可打开"),
        ),
        "examine": (({}, "{messages} 封邮件，UIDVALIDITY {uidvalidity}，下一个 UID {uidnext}"),),
        "uidvalidity": (({}, "第一次 {first}，第二次 {second}"),),
        "fetch": (
            ({"fetched": ""}, "最新邮件：{fetched} 字节（声明 {announced}），未读状态保持不变"),
            ({"uid": ""}, "最新邮件声明为 {announced} 字节，过大，未试取"),
            ({}, "收件箱为空"),
        ),
        "estimate": (
            ({"refused": ""}, "约 {messages} 封邮件，{folders_looked_at} 个文件夹；另有 {refused} 个文件夹无法统计"),
            ({"octets": ""}, "约 {messages} 封邮件，{octets} 字节，{folders_looked_at} 个文件夹"),
            ({}, "约 {messages} 封邮件，{folders_looked_at} 个文件夹"),
        ),
        "idle": (({"advertised": "True"}, "支持：新邮件即时通知"), ({}, "不支持：改用定时轮询")),
        "roundtrip": (({}, "{ms} 毫秒"),),
    },
}
