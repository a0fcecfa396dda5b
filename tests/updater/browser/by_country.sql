SELECT CAST('{from_date}' AS DATE) AS date, country_code, SUM(view_count) AS view_count
FROM pageview_hourly
WHERE access_method = '{access}'
  AND ts >= CAST('{from_date}' AS TIMESTAMP) AND ts < CAST('{to_date}' AS TIMESTAMP)
GROUP BY country_code
ORDER BY country_code
