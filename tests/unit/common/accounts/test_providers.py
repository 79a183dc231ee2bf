import pytest

from services.common.accounts.fields import ascii_host
from services.common.accounts.providers import candidates, profile, profile_for, profiles
from services.common.accounts.settings import settings_of

STATES = ("credential", "ambiguous", "temporary", "throttled", "configuration", "consent", "tls", "network", "unknown")


@pytest.mark.parametrize(
    ("address", "host", "found"),
    [
        ("u@gd.chinamobile.com", "", "chinamobile"),
        ("u@GD.ChinaMobile.com.", "", "chinamobile"),
        ("u@cmss.chinamobile.com", "", "chinamobile"),
        ("u@chinamobile.com", "", "chinamobile"),
        ("u@notchinamobile.com", "", "generic"),
        ("u@139.com", "", "139"),
        ("u@163.com", "", "netease"),
        ("u@vip.126.com", "", "netease"),
        ("u@qq.com", "", "qq"),
        ("u@gmail.com", "", "gmail"),
        ("u@contoso.onmicrosoft.com", "", "microsoft365"),
        ("u@company.example", "imap.exmail.qq.com", "exmail"),
        ("u@company.example", "imap.qiye.aliyun.com", "aliyun"),
        ("u@icloud.com", "", "icloud"),
        ("u@example.org", "", "generic"),
        ("somebody", "", "generic"),
        ("", "", "generic"),
    ],
)
def test_finds_the_profile_of_an_address(address: str, host: str, found: str) -> None:
    assert profile_for(address, host).id == found


def test_tries_the_name_of_the_province_before_its_parent() -> None:
    found = profile_for("u@gd.chinamobile.com")
    assert found.hosts_of("gd.chinamobile.com") == ("imap.gd.chinamobile.com", "imap.chinamobile.com")


def test_hosts_of_a_domain_outside_ascii_are_those_that_an_account_stores() -> None:
    hosts = profile("generic").hosts_of("例子.中国")
    assert hosts[0] == ascii_host("imap.例子.中国") == "imap.xn--fsqu00a.xn--fiqs8s"
    assert candidates(profile("generic"), hosts[0], "u@例子.中国") == hosts
    assert profile("generic").hosts_of("例..子") == ()


def test_an_unknown_provider_id_is_generic() -> None:
    assert profile("gone").id == "generic"


def test_first_target_wants_an_authorization_code_in_both_languages() -> None:
    found = profile("chinamobile")
    assert found.secret == "code"
    assert "授权码" in found.advise("credential", "en")
    assert "授权码" in found.advise("credential", "zh")
    assert "authorization code" in found.advise("credential", "en")


@pytest.mark.parametrize("name", sorted(profiles()))
def test_every_profile_is_complete(name: str) -> None:
    found = profile(name)
    assert found.id == name
    assert found.name["en"]
    assert found.name["zh"]
    assert settings_of({}, found.settings)
    for state in (*STATES, "secret"):
        for lang in ("en", "zh"):
            assert found.advise(state, lang)
    if found.secret == "oauth":
        assert found.oauth
