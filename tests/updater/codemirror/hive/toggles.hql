WITH counted AS (
    SELECT
        wiki,
        -- '+' and spaces are no part of a metric's name
        REPLACE(REPLACE(COALESCE(event.edit_count_bucket, 'unknown'), '+', ' or more'), ' ', '_') AS edit_count_bucket,
        event.enabled AS enabled
    FROM event.CodeMirrorUsage
    WHERE event.toggled = true AND year = {year} AND month = {month} AND day = {day}
)
SELECT
    '{from_date}' AS `date`,
    wiki,
    edit_count_bucket,
    SUM(CASE WHEN enabled = true THEN 1 ELSE 0 END) AS toggled_on,
    SUM(CASE WHEN enabled = false THEN 1 ELSE 0 END) AS toggled_off
FROM counted
GROUP BY wiki, edit_count_bucket;
