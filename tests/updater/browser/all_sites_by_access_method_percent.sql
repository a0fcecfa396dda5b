WITH counted AS (
    SELECT access_method, SUM(view_count) AS views
    FROM pageview_hourly
    WHERE ts >= CAST('{from_date}' AS TIMESTAMP) AND ts < CAST('{to_date}' AS TIMESTAMP)
    GROUP BY access_method
)
SELECT
    CAST('{from_date}' AS DATE) AS date,
    SUM(CASE WHEN access_method = 'desktop' THEN views END) * 100.0 / SUM(views) AS desktop,
    SUM(CASE WHEN access_method = 'mobile web' THEN views END) * 100.0 / SUM(views) AS mobile_web
FROM counted
HAVING SUM(views) > 0
