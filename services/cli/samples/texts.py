"""Texts of the sample mail, by language: (charset, sender name, subject, body)."""

from typing import NamedTuple


class Text(NamedTuple):
    """One short letter."""

    charset: str
    sender: str
    address: str
    subject: str
    body: str


TEXTS = (
    Text(
        "us-ascii",
        "Ada Field",
        "ada@reeds.example",
        "Timetable for the lock works",
        "Hello,\n\nthe lower gate closes on Monday at 06:00 and opens again on Thursday.\n\nAda",
    ),
    Text(
        "utf-8",
        "Ada Field",
        "ada@reeds.example",
        "Minutes of the water board — draft",
        "The draft minutes are below; corrections until Friday.\n\n1. Opening\n2. Sluice report\n3. Budget 2027",
    ),
    Text(
        "gb18030",
        "王小梅",
        "wang@heting.example",
        "关于第三季度合同的确认",
        "您好，\n\n第三季度的合同已经修改完毕，请查收并在周五之前确认。\n如有疑问，请随时与我联系。\n\n王小梅",
    ),
    Text(
        "gb2312",
        "李建国",
        "li@heting.example",
        "会议通知：周三下午两点",
        "各位同事：\n\n本周三下午两点在三楼会议室召开项目例会，请准时参加。\n\n李建国",
    ),
    Text("gbk", "陳師傅", "chen@heting.example", "倉庫盤點結果", "倉庫盤點已完成，共計四百二十件，差異兩件。"),
    Text("big5", "林美玲", "lin@gangwan.example", "港灣接駁時間表", "附上最新的接駁時間表，週日班次減少，請留意。"),
    Text(
        "iso-2022-jp",
        "田中一郎",
        "tanaka@minato.example",
        "お見積りの件",
        "お世話になっております。\n\n先日のお見積りについて、ご確認をお願いいたします。\n\n田中",
    ),
    Text("shift_jis", "佐藤花子", "sato@minato.example", "請求書の送付", "請求書をお送りします。ご査収ください。"),
    Text(
        "euc-kr",
        "김민수",
        "kim@nabi.example",
        "회의 일정 변경",
        "안녕하세요.\n\n회의가 목요일 오후 세 시로 변경되었습니다.\n\n김민수",
    ),
    Text(
        "koi8-r",
        "Ирина Соколова",
        "irina@bereg.example",
        "Отчёт о поставке",
        "Добрый день!\n\nПоставка прибыла вовремя, отчёт готов.\n\nИрина",
    ),
    Text(
        "windows-1251",
        "Пётр Орлов",
        "orlov@bereg.example",
        "Вопрос по счёту",
        "Здравствуйте, уточните, пожалуйста, номер счёта.",
    ),
    Text(
        "iso-8859-1",
        "José Álvarez",
        "jose@ribera.example",
        "Reunión del jueves",
        "Buenos días,\n\nla reunión será a las 9:30 en el salón pequeño.\n\nJosé",
    ),
    Text(
        "windows-1252",
        "Jürgen Groß",
        "jg@uferweg.example",
        "Rechnung für „Wehr Süd“",
        "Guten Tag,\n\nanbei die Rechnung über 1.250 €.\n\nGrüße",
    ),
    Text(
        "iso-8859-2",
        "Łukasz Żuraw",
        "lz@brzeg.example",
        "Zgłoszenie awarii śluzy",
        "Dzień dobry,\n\nśluza numer trzy nie domyka się.",
    ),
    Text(
        "iso-8859-9",
        "Gökçe Yıldız",
        "gokce@kiyi.example",
        "Toplantı özeti",
        "Merhaba,\n\ntoplantının özeti aşağıdadır.",
    ),
    Text(
        "windows-1256", "سارة حداد", "sara@dhifaf.example", "موعد التسليم", "مرحبا،\n\nموعد التسليم يوم الأحد القادم."
    ),
    Text("windows-1255", "דנה לוי", "dana@gada.example", "סיכום פגישה", "שלום,\n\nמצורף סיכום הפגישה מאתמול."),
    Text("utf-8", "अनिता राव", "anita@tat.example", "बैठक का समय", "नमस्ते,\n\nबैठक सोमवार को सुबह दस बजे होगी।"),
    Text("tis-620", "สมชาย", "somchai@fang.example", "ใบเสนอราคา", "สวัสดีครับ\n\nแนบใบเสนอราคามาให้แล้วครับ"),
    Text(
        "utf-8",
        "Νίκος",
        "nikos@okhthi.example",
        "Πρόγραμμα εργασιών 🛠️",
        "Καλημέρα,\n\nτο πρόγραμμα των εργασιών άλλαξε. 🌊",
    ),
)
