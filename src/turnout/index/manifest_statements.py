"""The statements of a manifest's changes, for SQLite and PostgreSQL alike: `seen` has chunks, `touched` has ids."""
# ruff: noqa: S608 - they are made of names of ours alone

from __future__ import annotations

_SEEN, _TOUCHED = "(SELECT id FROM seen)", "(SELECT id FROM touched)"
_OF_ALL = "collection IN (SELECT name FROM collection)"  # the first column of a key, for its index
# PostgreSQL takes a collection that is new since it counted for an empty one, if it is told which one when it plans.
_THIS = "(SELECT CAST(:collection AS TEXT))"
_NOT_SEEN = "NOT EXISTS (SELECT 1 FROM seen s WHERE s.id = {}.id)"

TOUCH_SEEN = "INSERT INTO touched SELECT id FROM seen"
TOUCH_ALL = "INSERT INTO touched SELECT id FROM document UNION SELECT id FROM held UNION SELECT id FROM lag"

HOLD_SEEN = """
INSERT INTO held SELECT CAST(:collection AS TEXT), id, text, metadata, reason FROM seen WHERE text IS NOT NULL
ON CONFLICT (collection, id) DO UPDATE SET text = excluded.text, metadata = excluded.metadata, reason = excluded.reason
WHERE held.text <> excluded.text OR held.metadata <> excluded.metadata
OR coalesce(held.reason <> excluded.reason, (held.reason IS NULL) <> (excluded.reason IS NULL))
"""
AS_WANTED = "UPDATE seen SET text = d.text, metadata = d.metadata FROM document d WHERE d.id = seen.id"
HELD_NO_MORE = "DELETE FROM held WHERE collection = :collection AND reason IS NULL AND " + _NOT_SEEN.format("held")
NOT_MISSED = f"DELETE FROM missed WHERE collection = :collection AND id IN {_SEEN}"
NOT_WRITING = f"DELETE FROM writing WHERE collection = :collection AND id IN {_SEEN}"
_MISSED = f"""
INSERT INTO missed SELECT collection, id FROM held
WHERE collection = :collection AND reason IS NULL AND id IN (SELECT id FROM document) AND {_NOT_SEEN.format("held")}
"""
MISSED = f"{_MISSED} ON CONFLICT DO NOTHING"
_AMONG_TOUCHED = f"AND id IN {_TOUCHED}"
MISSED_TOUCHED = f"{_MISSED} {_AMONG_TOUCHED} ON CONFLICT DO NOTHING"
HELD_TOUCHED_NO_MORE = f"{HELD_NO_MORE} {_AMONG_TOUCHED}"
NEW = """
INSERT INTO document SELECT s.id, s.text, s.metadata, NULL FROM seen s WHERE NOT EXISTS
(SELECT 1 FROM collection c CROSS JOIN held h WHERE h.collection = c.name AND h.id = s.id) ON CONFLICT DO NOTHING
"""
_WANT = """
INSERT INTO document SELECT id, text, metadata, {} FROM seen WHERE true
ON CONFLICT (id) DO UPDATE SET text = excluded.text, metadata = excluded.metadata"""
WANT_SEEN = f"{_WANT.format('CAST(:origin AS TEXT)')}, origin = excluded.origin"
EXACTLY_SEEN = (
    f"""DELETE FROM document WHERE {_NOT_SEEN.format("document")} AND NOT EXISTS
    (SELECT 1 FROM held h WHERE h.collection = :collection AND h.id = document.id AND h.reason IS NOT NULL)""",
    _WANT.format("NULL"),
    "DELETE FROM missed",
)
WANTED_METADATA = f"""
UPDATE held SET metadata = d.metadata FROM document d
WHERE held.collection = {_THIS} AND held.id IN {_SEEN} AND held.reason IS NULL
AND d.id = held.id AND d.text = held.text AND d.metadata <> held.metadata
"""

# `touched` has the ids.
_ITEMS = "SELECT CAST(:collection AS TEXT), id FROM touched WHERE true ON CONFLICT DO NOTHING"
BEGIN_WRITE, MISS_TOUCHED = f"INSERT INTO writing {_ITEMS}", f"INSERT INTO missed {_ITEMS}"
HOLD_NO_TOUCHED = f"DELETE FROM held WHERE collection = {_THIS} AND id IN {_TOUCHED}"
WANT_NO_TOUCHED = (
    f"DELETE FROM document WHERE id IN {_TOUCHED}",
    f"DELETE FROM missed WHERE {_OF_ALL} AND id IN {_TOUCHED}",
)
MISS_NO_SEEN = f"DELETE FROM missed WHERE {_OF_ALL} AND id IN {_SEEN}"

# What is in `writing`, and wasn't seen.
_LEFT = "FROM writing w WHERE w.collection = :collection AND " + _NOT_SEEN.format("w")
LEFT_UNWRITTEN = (
    f"""INSERT INTO missed SELECT w.collection, w.id {_LEFT} AND EXISTS
    (SELECT 1 FROM held h WHERE h.collection = w.collection AND h.id = w.id) ON CONFLICT DO NOTHING""",
    f"DELETE FROM held WHERE collection = :collection AND id IN (SELECT w.id {_LEFT})",
)
TOUCH_WRITING = "INSERT INTO touched SELECT id FROM writing WHERE collection = :collection"
WRITE_NO_MORE = "DELETE FROM writing WHERE collection = :collection"

FORGET = (
    *(f"DELETE FROM {table} WHERE collection = :collection" for table in ("held", "lag", "missed", "writing")),
    "DELETE FROM collection WHERE name = :collection",
)
STAMP = "UPDATE collection SET stamp = coalesce(stamp, 0) + 1 WHERE name = :collection"

RELATE = (
    f"DELETE FROM lag WHERE {_OF_ALL} AND id IN {_TOUCHED}",
    """INSERT INTO lag
SELECT c.name, t.id FROM touched t CROSS JOIN collection c
LEFT JOIN document d ON d.id = t.id
LEFT JOIN held h ON h.collection = c.name AND h.id = t.id
WHERE (d.id IS NULL AND h.id IS NOT NULL)
   OR (d.id IS NOT NULL AND (h.id IS NULL OR h.text <> d.text OR (h.reason IS NULL AND h.metadata <> d.metadata)))""",
)

# Versions that a collection lacks and no collection has; and in their place one that there is: its own, or another.
NOWHERE = """
INSERT INTO touched SELECT l.id FROM lag l JOIN document d ON d.id = l.id
WHERE l.collection = :collection AND NOT EXISTS
(SELECT 1 FROM collection c CROSS JOIN held h
WHERE h.collection = c.name AND h.id = l.id AND h.text = d.text AND h.metadata = d.metadata AND h.reason IS NULL)
"""
WANT_ANOTHER = """
UPDATE document SET text = other.text, metadata = other.metadata FROM (
    SELECT h.id, h.text, h.metadata, row_number() OVER (
        PARTITION BY h.id ORDER BY h.text <> d.text, h.collection <> :collection, h.collection
    ) AS place
    FROM touched t JOIN document d ON d.id = t.id CROSS JOIN collection c
    CROSS JOIN held h WHERE h.collection = c.name AND h.id = t.id AND h.reason IS NULL
) other WHERE other.id = document.id AND other.place = 1
"""
_IN_NONE = """id IN (SELECT t.id FROM touched t WHERE NOT EXISTS
(SELECT 1 FROM collection c CROSS JOIN held h WHERE h.collection = c.name AND h.id = t.id AND h.reason IS NULL))"""
GIVE_UP = (f"DELETE FROM document WHERE {_IN_NONE}", f"DELETE FROM missed WHERE {_OF_ALL} AND {_IN_NONE}")

# A chunk was changed past the index if the collection had the wanted version of it, or had lost it, and has another
# one now. Where another collection has a newer version, written through the index, that one stays wanted.
EDITED = """
UPDATE document SET
    text = s.text,
    metadata = CASE WHEN h.id IS NULL OR h.metadata = document.metadata THEN s.metadata ELSE document.metadata END
FROM seen s
LEFT JOIN held h ON h.collection = :collection AND h.id = s.id
LEFT JOIN missed m ON m.collection = :collection AND m.id = s.id
WHERE s.id = document.id AND (
    (h.text = document.text AND s.text <> h.text)
    OR (:whole AND h.reason IS NULL AND h.text = document.text AND h.metadata = document.metadata
        AND s.metadata <> h.metadata)
    OR (h.id IS NULL AND m.id IS NOT NULL)
)
"""
