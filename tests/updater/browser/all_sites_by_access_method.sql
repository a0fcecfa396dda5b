SELECT
    CAST('{from_date}' AS DATE) AS date,
    access_method,
    SUM(view_count) AS view_count
FROM pageview_hourly
WHERE ts >= CAST('{from_date}' AS TIMESTAMP) AND ts < CAST('{to_date}' AS TIMESTAMP)
GROUP BY access_method
ORDER BY view_count DESC, access_method
