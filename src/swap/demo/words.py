"""Words from which the demo's titles, names and places are put together.  No real person is among them."""

from __future__ import annotations

FAMOUS = {
    "enwiki": (
        "Main_Page", "Lagos", "Moon", "Valletta", "Zürich", "Coffee", "Cricket_World_Cup", "Total_solar_eclipse", "Día_de_Muertos",
        "List_of_ISO_3166_country_codes", "Periodic_table", "Photosynthesis", "Python_(programming_language)", "SQL", "Earth",
        "Great_Barrier_Reef", "Cat", "Chess", "Antarctica", "Piano", "Volcano", "Tea", "Silk_Road", "Amazon_River", "Mount_Kenya",
        "Lake_Victoria", "Saturn", "Honey_bee", "Printing_press", "Violin", "Rice", "Bread", "Kilimanjaro", "Okapi", "Tardigrade",
        "Aurora", "Glacier", "Baobab", "Opera", "Jazz", "Origami", "Sahara", "Monsoon", "Bicycle", "Lighthouse", "Encyclopedia",
    ),
    "dewiki": (
        "Wikipedia:Hauptseite", "Zürich", "Wien", "Hamburg", "Mond", "Donau", "Kaffee", "Tatort_(Fernsehreihe)", "Fußball",
        "Bodensee", "Alpen", "Brot", "Fahrrad", "Buchdruck", "Klavier", "Großglockner", "Nordsee", "Käse", "Schach", "Enzyklopädie",
        "Igel", "Leuchtturm", "Gletscher", "Straßenbahn", "Übergang", "Märchen", "Oper", "Frühling", "Rhein", "Mosel",
    ),
    "frwiki": (
        "Wikipédia:Accueil_principal", "Paris", "Lyon", "Lune", "Café", "Fromage", "Montréal", "Genève", "Vélo", "Pyrénées",
        "Forêt", "Échecs", "Été", "Cinéma", "Crêpe", "Île_de_Ré", "Opéra", "Encyclopédie", "Phare", "Glacier", "Abeille", "Seine",
        "Loire", "Sénégal", "Dakar", "Bruxelles", "Musée_du_Louvre", "Château", "Baguette", "Hérisson",
    ),
}

PLACES = (
    "Arden", "Bellmoor", "Castelnau", "Dunmore", "Eskdale", "Farrow", "Glenmore", "Harwick", "Inverloch", "Juniper", "Kestrel",
    "Lindale", "Marwick", "Norbury", "Ostrava", "Penrose", "Quillan", "Ravenna", "Selkirk", "Thorne", "Umber", "Vesper", "Wexcombe",
    "Yarrow", "Zell", "Alder", "Birch", "Cedar", "Dover", "Elm", "Fenwick", "Grange", "Heron", "Iris", "Jarrow", "Kirkby", "Larch",
    "Maple", "Nettle", "Orchard", "Poplar", "Quarry", "Rowan", "Sorrel", "Tansy", "Upton", "Vale", "Willow", "Wren", "Yew",
)
GIVEN = (
    "Ada", "Amara", "Anton", "Bao", "Bela", "Carla", "Chen", "Dalia", "Daniel", "Efua", "Elif", "Emil", "Fatou", "Felix", "Grace",
    "Hana", "Hugo", "Ines", "Ivan", "Jonas", "Jun", "Kaya", "Kofi", "Lena", "Leo", "Lucia", "Mara", "Mehmet", "Mina", "Nadia",
    "Noor", "Oksana", "Omar", "Paula", "Priya", "Rafael", "Rosa", "Samir", "Sofia", "Tariq", "Tomas", "Uma", "Vera", "Viktor",
    "Wanjiru", "Xenia", "Yara", "Yuki", "Zeynep", "Zoe",
)
FAMILY = (
    "Abbott", "Adeyemi", "Almeida", "Bakker", "Banerjee", "Castillo", "Chukwu", "Dubois", "Eriksen", "Fischer", "Fontaine",
    "García", "Haddad", "Hansen", "Horvat", "Ito", "Jansen", "Jovanović", "Kamau", "Keller", "Kowalski", "Lefèvre", "Lindqvist",
    "Mbeki", "Moreau", "Müller", "Nakamura", "Novák", "Okafor", "Olsen", "Pereira", "Popescu", "Quispe", "Rossi", "Saito",
    "Schneider", "Silva", "Tanaka", "Thorsen", "Urbina", "Vargas", "Virtanen", "Weber", "Yılmaz", "Zhang",
)
HANDLES = (
    "Otter", "Falcon", "Inkwell", "Quill", "Comet", "Lantern", "Maple", "Cobalt", "Drift", "Ember", "Fjord", "Gale", "Harbor",
    "Isotope", "Jasper", "Kelp", "Lichen", "Meadow", "Nimbus", "Orbit", "Pebble", "Quartz", "Riddle", "Saffron", "Tundra",
)
OTHER_SCRIPTS = ("星野", "علي", "Ольга", "अनन्या", "Νίκος", "지우", "משה", "ศิริ")

PATTERNS = {
    "enwiki": (
        "{place}_River", "{place}_County", "{place},_Ontario", "{place}_railway_station", "History_of_{place}", "{place}_(band)",
        "{given}_{family}", "{given}_{family}_(footballer)", "List_of_birds_of_{place}", "{place}_Museum", "Battle_of_{place}",
        "{year}_in_{place}", "Mayor_of_{place}", "Lake_{place}", "{family}_v._{place}", "Mount_{family}", "{place}_cheese",
    ),
    "dewiki": (
        "{place}_(Fluss)", "Landkreis_{place}", "Bahnhof_{place}", "Geschichte_der_Stadt_{place}", "{given}_{family}",
        "{given}_{family}_(Politikerin)", "Liste_der_Straßen_in_{place}", "Museum_{place}", "Schlacht_bei_{place}", "{place}er_See",
        "{family}straße", "{year}_in_{place}", "Schloss_{place}", "Kloster_{place}",
    ),
    "frwiki": (
        "{place}_(rivière)", "Canton_de_{place}", "Gare_de_{place}", "Histoire_de_{place}", "{given}_{family}",
        "{given}_{family}_(écrivaine)", "Liste_des_rues_de_{place}", "Musée_de_{place}", "Bataille_de_{place}", "Lac_de_{place}",
        "Château_de_{place}", "{year}_à_{place}", "Forêt_de_{place}",
    ),
}

ELSEWHERE = {
    "ja.wikipedia": (("メインページ", "東京", "月", "コーヒー", "将棋", "富士山", "猫", "寿司", "新幹線", "百科事典"), "{year}年"),
    "es.wikipedia": (("Wikipedia:Portada", "México", "Luna", "Café", "Ajedrez", "Buenos_Aires", "Río_Amazonas", "Ópera"), "Anexo:Cine_de_{year}"),
    "ru.wikipedia": (("Заглавная_страница", "Москва", "Луна", "Кофе", "Шахматы", "Байкал", "Кошка", "Энциклопедия"), "{year}_год"),
    "ar.wikipedia": (("الصفحة_الرئيسية", "القاهرة", "القمر", "قهوة", "شطرنج", "نهر_النيل", "قطة"), "{year}_في_السينما"),
    "zh.wikipedia": (("Wikipedia:首页", "臺北市", "月球", "咖啡", "圍棋", "長江", "貓"), "{year}年電影"),
    "hi.wikipedia": (("मुखपृष्ठ", "दिल्ली", "चन्द्रमा", "चाय", "शतरंज", "गंगा_नदी"), "{year}_की_फ़िल्में"),
    "pt.wikipedia": (("Wikipédia:Página_principal", "São_Paulo", "Lua", "Café", "Xadrez", "Rio_Amazonas"), "{year}_no_futebol"),
    "commons.wikimedia": (("Main_Page", "File:Moon.jpg", "File:Coffee.jpg"), "Category:Photographs_taken_in_{year}"),
    "wikidata": (("Wikidata:Main_Page", "Q2", "Q405", "Q64"), "Q{year}"),
    "en.wiktionary": (("Wiktionary:Main_Page", "moon", "coffee", "lighthouse"), "Appendix:Words_of_{year}"),
}
"""Project → its best known titles, and the pattern of the rest."""

CITIES = {
    "US": (("New York", "New York"), ("California", "Los Angeles"), ("California", "San Francisco"), ("Illinois", "Chicago"), ("Texas", "Houston"), ("Washington", "Seattle")),
    "GB": (("England", "London"), ("England", "Manchester"), ("Scotland", "Glasgow"), ("Wales", "Cardiff")),
    "IN": (("Maharashtra", "Mumbai"), ("Delhi", "Delhi"), ("Karnataka", "Bengaluru"), ("Tamil Nadu", "Chennai")),
    "CA": (("Ontario", "Toronto"), ("Quebec", "Montréal"), ("British Columbia", "Vancouver")),
    "AU": (("New South Wales", "Sydney"), ("Victoria", "Melbourne")),
    "DE": (("Land Berlin", "Berlin"), ("Hamburg", "Hamburg"), ("Bavaria", "Munich"), ("North Rhine-Westphalia", "Cologne")),
    "AT": (("Vienna", "Vienna"), ("Styria", "Graz")),
    "CH": (("Zurich", "Zürich"), ("Geneva", "Genève"), ("Bern", "Bern")),
    "FR": (("Île-de-France", "Paris"), ("Auvergne-Rhône-Alpes", "Lyon"), ("Occitanie", "Toulouse")),
    "BE": (("Brussels Capital", "Brussels"), ("Flanders", "Antwerp")),
    "JP": (("Tokyo", "Tokyo"), ("Ōsaka", "Osaka"), ("Hokkaido", "Sapporo")),
    "ES": (("Madrid", "Madrid"), ("Catalonia", "Barcelona")),
    "MX": (("Mexico City", "Mexico City"), ("Jalisco", "Guadalajara")),
    "AR": (("Buenos Aires F.D.", "Buenos Aires"), ("Cordoba", "Córdoba")),
    "CO": (("Bogota D.C.", "Bogotá"), ("Antioquia", "Medellín")),
    "RU": (("Moscow", "Moscow"), ("St.-Petersburg", "Saint Petersburg"), ("Novosibirsk Oblast", "Novosibirsk")),
    "UA": (("Kyiv City", "Kyiv"), ("Lviv", "Lviv")),
    "EG": (("Cairo", "Cairo"), ("Alexandria", "Alexandria")),
    "SA": (("Riyadh Region", "Riyadh"), ("Mecca Region", "Jeddah")),
    "TW": (("Taipei City", "Taipei"), ("Kaohsiung", "Kaohsiung")),
    "BR": (("São Paulo", "São Paulo"), ("Rio de Janeiro", "Rio de Janeiro"), ("Bahia", "Salvador")),
    "PT": (("Lisbon", "Lisbon"), ("Porto", "Porto")),
    "NG": (("Lagos", "Lagos"), ("Federal Capital Territory", "Abuja")),
    "KE": (("Nairobi Province", "Nairobi"), ("Mombasa", "Mombasa")),
    "ZA": (("Gauteng", "Johannesburg"), ("Western Cape", "Cape Town")),
    "PH": (("National Capital Region", "Manila"), ("Central Visayas", "Cebu City")),
    "ID": (("Jakarta", "Jakarta"), ("West Java", "Bandung")),
    "MT": (("Valletta", "Valletta"),),
}
"""Country → (subdivision, city)."""

READERS = {
    "en": "US:32 GB:10 IN:11 CA:5 AU:4 PH:3 DE:2 NG:3 KE:1 ZA:2 ID:2 MX:1 BR:1 MT:1",
    "de": "DE:75 AT:10 CH:7 US:2",
    "fr": "FR:60 CA:8 BE:7 CH:4 MA:3 DZ:3 SN:2 CI:2 TN:2",
    "ja": "JP:93 US:2",
    "es": "MX:25 ES:22 AR:12 CO:10 CL:6 PE:6 US:6",
    "ru": "RU:55 UA:12 KZ:6 BY:4 DE:4",
    "ar": "EG:25 SA:20 DZ:10 MA:9 IQ:8 JO:4",
    "zh": "TW:38 HK:18 US:12 MY:5 SG:4 CN:3",
    "hi": "IN:93 NP:1",
    "pt": "BR:78 PT:12 AO:2 MZ:1",
    "": "US:20 DE:9 GB:7 FR:6 IN:6 JP:5 IT:4 ES:3 RU:3 BR:3",
}
"""Language of a project → the countries that read it, in per cent; the rest is spread over all."""

AGENTS = (
    # access method, OS, its major and minor, browser, its major, device, app version, share of the access
    ("desktop", "Windows", "10", "-", "Chrome", "142", "Other", "-", 34),
    ("desktop", "Windows", "11", "-", "Edge", "142", "Other", "-", 14),
    ("desktop", "Mac OS X", "15", "6", "Safari", "26", "Mac", "-", 12),
    ("desktop", "Linux", "-", "-", "Firefox", "145", "Other", "-", 6),
    ("desktop", "Windows", "10", "-", "Firefox", "145", "Other", "-", 9),
    ("desktop", "Chrome OS", "16093", "68", "Chrome", "141", "Other", "-", 3),
    ("mobile web", "Android", "15", "-", "Chrome Mobile", "142", "Generic Smartphone", "-", 40),
    ("mobile web", "Android", "13", "-", "Samsung Internet", "29", "Samsung SM-A546B", "-", 10),
    ("mobile web", "iOS", "26", "1", "Mobile Safari", "26", "iPhone", "-", 38),
    ("mobile web", "iOS", "18", "7", "Mobile Safari", "18", "iPad", "-", 5),
    ("mobile web", "Android", "11", "-", "Opera Mobile", "90", "Generic Smartphone", "-", 4),
    ("mobile app", "Android", "15", "-", "Android", "15", "Google Pixel 9", "2.7.50548-r-2026-10-21", 60),
    ("mobile app", "iOS", "26", "1", "Mobile Safari UI/WKWebView", "-", "iPhone", "7.8.4.5310", 40),
)
SPIDERS = (
    ("desktop", "Other", "-", "-", "Googlebot", "2", "Spider", "-", 55),
    ("desktop", "Other", "-", "-", "bingbot", "2", "Spider", "-", 25),
    ("desktop", "Linux", "-", "-", "Python Requests", "2", "Spider", "-", 20),
)
