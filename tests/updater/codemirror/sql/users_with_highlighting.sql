SELECT
    DATE('{from_timestamp}') AS `date`,
    CASE WHEN user_editcount >= 100 THEN '100_or_more_edits' WHEN user_editcount >= 1 THEN '1-99_edits' ELSE '0_edits' END
        AS edit_count_bucket,
    SUM(up_property = 'usecodemirror' AND up_value = '1') AS users_with_highlighting
FROM user_properties
JOIN `user` ON user_id = up_user
GROUP BY edit_count_bucket
