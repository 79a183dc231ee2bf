"""Charset labels, by the table of the WHATWG Encoding Standard (section 4.2) plus what mail adds to it.

Values are codec names of Python: the superset that senders really use, not the standard that they name.
"""

from typing import Final

_LABELS: Final = {
    "utf-8": "utf-8 utf8 utf_8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8 utf-8-mac x-utf-8",
    "utf-7": "utf-7 utf7 unicode-1-1-utf-7 x-unicode-2-0-utf-7 csunicode11utf7",
    "utf-16": "utf-16 utf16 unicode csunicode iso-10646-ucs-2 ucs-2",
    "utf-16-le": "utf-16le unicodefeff",
    "utf-16-be": "utf-16be unicodefffe",
    "us-ascii": "us-ascii ascii ansi_x3.4-1968 ansi_x3.4-1986 iso646-us iso-ir-6 csascii us usascii 646"
    " iso_646.irv:1991",
    "windows-1252": "windows-1252 cp1252 x-cp1252 iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 latin1"
    " l1 cp819 ibm819 iso-ir-100 csisolatin1 latin-1 ansi x-ansi default user-defined",
    "windows-1250": "windows-1250 cp1250 x-cp1250",
    "windows-1251": "windows-1251 cp1251 x-cp1251 win-1251",
    "windows-1253": "windows-1253 cp1253 x-cp1253",
    "windows-1254": "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989"
    " latin5 l5 iso-ir-148 csisolatin5",
    "windows-1255": "windows-1255 cp1255 x-cp1255",
    "windows-1256": "windows-1256 cp1256 x-cp1256",
    "windows-1257": "windows-1257 cp1257 x-cp1257",
    "windows-1258": "windows-1258 cp1258 x-cp1258",
    "iso8859-2": "iso-8859-2 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 latin2 l2 iso-ir-101 csisolatin2",
    "iso8859-3": "iso-8859-3 iso8859-3 iso88593 iso_8859-3 latin3 l3 iso-ir-109 csisolatin3",
    "iso8859-4": "iso-8859-4 iso8859-4 iso88594 iso_8859-4 latin4 l4 iso-ir-110 csisolatin4",
    "iso8859-5": "iso-8859-5 iso8859-5 iso88595 iso_8859-5 cyrillic iso-ir-144 csisolatincyrillic",
    "iso8859-6": "iso-8859-6 iso8859-6 iso88596 iso_8859-6 arabic asmo-708 ecma-114 iso-8859-6-e iso-8859-6-i"
    " iso-ir-127 csisolatinarabic",
    "iso8859-7": "iso-8859-7 iso8859-7 iso88597 iso_8859-7 greek greek8 ecma-118 elot_928 sun_eu_greek iso-ir-126"
    " csisolatingreek",
    "iso8859-8": "iso-8859-8 iso8859-8 iso88598 iso_8859-8 hebrew visual logical iso-8859-8-i iso-8859-8-e"
    " iso-ir-138 csisolatinhebrew csiso88598e csiso88598i",
    "iso8859-10": "iso-8859-10 iso8859-10 iso885910 latin6 l6 iso-ir-157 csisolatin6",
    "cp874": "tis-620 tis620 iso-8859-11 iso8859-11 iso885911 windows-874 cp874 dos-874 x-cp874 x-mac-thai",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "iso-8859-15 iso8859-15 iso885915 iso_8859-15 latin9 latin-9 l9 csisolatin9",
    "iso8859-16": "iso-8859-16 iso8859-16",
    "koi8-r": "koi8-r koi8 koi koi8_r cskoi8r",
    "koi8-u": "koi8-u koi8-ru",
    "mac-roman": "macintosh mac x-mac-roman csmacintosh macroman",
    "mac-latin2": "x-mac-ce x-mac-centraleurroman x-mac-centraleurope",
    "mac-croatian": "x-mac-croatian",
    "mac-iceland": "x-mac-icelandic x-mac-iceland",
    "mac-romanian": "x-mac-romanian x-mac-romania",
    "mac-arabic": "x-mac-arabic",
    "mac-farsi": "x-mac-farsi",
    "mac-greek": "x-mac-greek",
    "mac-turkish": "x-mac-turkish",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp866": "ibm866 cp866 866 csibm866",
    "cp850": "ibm850 cp850 850",
    "cp437": "ibm437 cp437 437",
    "cp852": "ibm852 cp852 852",
    "gb18030": "gb18030 gbk gb2312 x-gbk gb_2312 gb_2312-80 gb2312-80 chinese csgb2312 csiso58gb231280 iso-ir-58"
    " cp936 windows-936 ms936 euc-cn gb-2312 gb_2312-1980 x-euc-cn hp15cn eucgb2312-cn gb18030-2000 gb18030-2022"
    " x-mac-chinesesimp",
    "iso-2022-cn": "iso-2022-cn csiso2022cn iso-2022-cn-ext",
    "hz": "hz-gb-2312 hz hzgb hz-gb",
    "big5hkscs": "big5 big5-hkscs big5hkscs cn-big5 csbig5 x-x-big5 cp950 windows-950 big-5 big5-eten x-big5"
    " big5-2003 big5-uao cp951 ms950 x-mac-chinesetrad",
    "cp932": "shift_jis shift-jis sjis x-sjis ms932 ms_kanji csshiftjis windows-31j cp932 mskanji"
    " windows-932 x-ms-cp932 sjis-win shift_jis-ms x-mac-japanese",
    "euc_jp": "euc-jp eucjp x-euc-jp x-euc cseucpkdfmtjapanese ujis eucjp-win eucjp-ms eucjpms x-eucjp-open",
    "iso2022_jp": "iso-2022-jp csiso2022jp iso-2022-jp-ms x-iso-2022-jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3"
    " cp50220 cp50221 cp50222 jis",
    "iso2022_kr": "iso-2022-kr csiso2022kr",
    "cp949": "euc-kr euckr ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 korean cseuckr csksc56011987 iso-ir-149"
    " windows-949 cp949 ms949 uhc x-windows-949 ks-c-5601-1987 ks_c_5601 ksc-5601 5601 x-uhc"
    " ksx1001 ks_x_1001 ks_x_1001:2002 x-mac-korean",
    "johab": "johab cp1361 ms1361 x-johab",
}

WHATWG: Final = {label: name for name, labels in _LABELS.items() for label in labels.split()}
_MARKS: Final = str.maketrans("", "", "-_.:() ")


def bare(label: str) -> str:
    """A label without the marks that senders choose freely: ``gb_18030`` and ``gb-18030`` are ``gb18030``."""
    return label.translate(_MARKS)


BARE: Final = {bare(label): name for label, name in WHATWG.items()}
MULTI_BYTE: Final = frozenset(
    {"gb18030", "big5hkscs", "cp932", "euc_jp", "cp949", "johab", "gb2312", "gbk", "euc_kr", "big5"}
)
STATEFUL: Final = frozenset(
    {"utf-7", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "hz", "iso2022_jp", "iso2022_kr"}
    | {"iso-2022-cn"}
    | {"iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext"}
)
NOT_TEXT: Final = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})
"""Codecs of Python that are no charset; the octets-to-octets ones (base64, zlib) are told by codecs itself."""
