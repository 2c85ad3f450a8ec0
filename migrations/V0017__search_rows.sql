-- The search index knows a call by its rowid, which goes by time with little between neighbours (store/table/call_rows.rs):
-- with places in the list, which are far apart, it was six times as large. It is filled in again.
INSERT INTO call_search (call_search) VALUES ('delete-all');
