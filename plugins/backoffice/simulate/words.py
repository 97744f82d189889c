"""Words the demo company's names are put together from; no person or company is meant."""

from __future__ import annotations

FIRST_NAMES = {
    "DK": ("Anne", "Bent", "Camilla", "Dorte", "Emil", "Freja", "Gitte", "Henrik", "Ida", "Jens", "Kirsten", "Lars"),
    "DE": ("Andrea", "Bernd", "Claudia", "Dieter", "Elke", "Florian", "Greta", "Holger", "Ingrid", "Jürgen", "Katrin"),
    "FR": ("Adèle", "Bruno", "Camille", "Denis", "Élise", "François", "Hélène", "Inès", "Julien", "Léa", "Mathieu"),
    "NL": ("Anouk", "Bas", "Carlijn", "Daan", "Eva", "Floris", "Gijs", "Hanneke", "Joost", "Katja", "Lotte", "Mees"),
    "US": ("Amy", "Brian", "Carol", "Derek", "Ellen", "Frank", "Grace", "Howard", "Irene", "Jack", "Karen", "Luis"),
}

LAST_NAMES = {
    "DK": (
        "Andersen",
        "Bech",
        "Christensen",
        "Dahl",
        "Frandsen",
        "Holm",
        "Jørgensen",
        "Kjær",
        "Lund",
        "Møller",
        "Skov",
    ),
    "DE": ("Albrecht", "Becker", "Fischer", "Groß", "Hoffmann", "Krüger", "Lehmann", "Müller", "Schäfer", "Weiß"),
    "FR": ("Bernard", "Chevalier", "Dubois", "Fournier", "Girard", "Lefèvre", "Moreau", "Noël", "Petit", "Rousseau"),
    "NL": ("Bakker", "de Boer", "Dijkstra", "Hendriks", "Jansen", "Kuipers", "Mulder", "Smit", "van Dam", "Visser"),
    "US": ("Adams", "Brooks", "Carter", "Diaz", "Foster", "Hayes", "Johnson", "O'Neill", "Parker", "Reed", "Turner"),
}

COMPANY_FIRST = (
    "Amber", "Anker", "Baltic", "Birch", "Blue", "Castle", "Cedar", "Clear", "Copper", "Delta", "Eagle", "Falk",
    "Forest", "Garnet", "Granite", "Harbour", "Heath", "Iron", "Juniper", "Lighthouse", "Linden", "Maple", "Meadow",
    "North", "Oak", "Orion", "Pine", "Polar", "Quarry", "Raven", "River", "Sand", "Silver", "Sound", "Summit", "Tide",
    "Union", "Valley", "West", "Willow",
)  # fmt: skip

COMPANY_SECOND = (
    "Bakeries", "Builders", "Cafés", "Clinics", "Design", "Engineering", "Foods", "Gardens", "Hotels", "Interiors",
    "Logistics", "Marine", "Offices", "Print", "Schools", "Services", "Stores", "Studios", "Supply", "Works",
)  # fmt: skip

COMPANY_FORM = {"DK": "ApS", "DE": "GmbH", "FR": "SARL", "NL": "B.V.", "US": "Inc."}

PUBLIC_BODY = {
    "DK": "{city} Kommune",
    "DE": "Stadt {city}",
    "FR": "Ville de {city}",
    "NL": "Gemeente {city}",
    "US": "City of {city}",
}

CITIES = {
    "DK": (("1620", "København"), ("2300", "København"), ("5000", "Odense"), ("8000", "Aarhus"), ("9000", "Aalborg")),
    "DE": (("10115", "Berlin"), ("20095", "Hamburg"), ("24103", "Kiel"), ("50667", "Köln"), ("80331", "München")),
    "FR": (("31000", "Toulouse"), ("44000", "Nantes"), ("59000", "Lille"), ("69002", "Lyon"), ("75011", "Paris")),
    "NL": (("1012", "Amsterdam"), ("3011", "Rotterdam"), ("3511", "Utrecht"), ("9711", "Groningen")),
    "US": (
        ("02108", "Boston"),
        ("10013", "New York"),
        ("55401", "Minneapolis"),
        ("60601", "Chicago"),
        ("98101", "Seattle"),
    ),
}

STREETS = {
    "DK": ("Havnegade", "Skovvej", "Søndergade", "Møllevej", "Østerbrogade", "Kirkevænget"),
    "DE": ("Hafenstraße", "Lindenallee", "Bahnhofstraße", "Am Markt", "Mühlenweg"),
    "FR": ("rue du Port", "avenue des Tilleuls", "place du Marché", "rue de l'Église"),
    "NL": ("Havenstraat", "Lindelaan", "Molenweg", "Kerkplein", "Prinsengracht"),
    "US": ("Harbor Street", "Maple Avenue", "Main Street", "Mill Road", "Park Place"),
}

# group, unit, whether it is stocked, articles, variants
ITEMS = (
    ("Desks", "pcs", True, ("Desk 120", "Desk 160", "Standing desk"), ("oak", "white", "black", "walnut")),
    ("Chairs", "pcs", True, ("Task chair", "Meeting chair", "Stool"), ("grey", "blue", "black", "green")),
    ("Lighting", "pcs", True, ("Desk lamp", "Pendant", "Floor lamp"), ("brass", "white", "black")),
    ("Storage", "pcs", True, ("Shelf", "Drawer unit", "Locker"), ("oak", "white", "grey")),
    ("Supplies", "pcs", True, ("Paper A4", "Toner", "Notebook"), ("single", "box", "pallet")),
    ("Coffee", "kg", True, ("Filter coffee", "Espresso beans"), ("house", "organic", "decaf")),
    ("Services", "h", False, ("Assembly", "Space planning", "Removal"), ("standard", "evening")),
)

CANCEL_REASONS = ("client changed mind", "not available in time", "entered twice", "credit check failed")
