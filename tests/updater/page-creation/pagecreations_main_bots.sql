SELECT DATE('{from_timestamp}') AS date, COUNT(*) AS {wiki_db}
FROM {wiki_db}.revision
JOIN {wiki_db}.page ON page_id = rev_page
JOIN {wiki_db}.actor ON actor_id = rev_actor
JOIN {wiki_db}.user_groups ON ug_user = actor_user AND ug_group = 'bot'
WHERE rev_parent_id = 0 AND page_namespace = 0  # content
  AND rev_timestamp >= '{from_timestamp}' AND rev_timestamp < '{to_timestamp}'
