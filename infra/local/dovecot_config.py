"""Dovecot's configuration files as text."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

_PLAIN = "imap_capability = IMAP4rev1 SASL-IR LOGIN-REFERRALS ID LITERAL+ NAMESPACE UIDPLUS\n"
_LONGEST_RUN = 70  # a socket's path has at most 107 octets (unix(7)), and Dovecot adds up to 30
_CONFIG = """base_dir = {run}
state_dir = {folder}/state
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/tls/server.pem
ssl_key = <{folder}/tls/server.key
ssl_min_protocol = TLSv1.2
mail_location = maildir:{folder}/mail/%u:UTF-8
mail_fsync = never
first_valid_uid = 1
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
auth_username_chars =
mail_max_userip_connections = 200
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf.ext
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%u allow_all_users=yes
}}
service auth {{
  user = root
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  service_count = 0
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
namespace inbox {{
  inbox = yes
  separator = /
  list = yes
  mailbox Sent {{
    special_use = \\Sent
    auto = create
  }}
  mailbox Trash {{
    special_use = \\Trash
    auto = create
  }}
}}
"""
_TOKENS = """introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/token-keys/
username_attribute = email
"""


def run_folder(folder: Path) -> Path:
    """Where Dovecot keeps its sockets: in its folder, or for a deep one below /run, where only root can make files."""
    run = folder / "run"
    if len(str(run)) <= _LONGEST_RUN:
        return run
    return Path("/run/mailweir-dovecot") / hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def render(folder: Path, ports: Mapping[str, int], *, plain: bool) -> dict[str, str]:
    """File names below ``folder`` and their texts."""
    main = _CONFIG.format(folder=folder, run=run_folder(folder), **ports) + (_PLAIN if plain else "")
    return {"dovecot.conf": main, "oauth2.conf.ext": _TOKENS.format(folder=folder)}
