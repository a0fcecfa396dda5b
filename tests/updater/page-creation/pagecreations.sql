SELECT DATE('{from_timestamp}') AS date, COUNT(*) AS {wiki_db}
FROM revision
WHERE rev_parent_id = 0 AND rev_timestamp >= '{from_timestamp}' AND rev_timestamp < '{to_timestamp}'
