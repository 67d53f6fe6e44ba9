/** What this release is and which schema it needs. A test compares both with package.json and migrations/. */
export const SERVICE_NAME = 'mechanic-shop-api'
export const VERSION = '0.1.0'
export const NEWEST_MIGRATION = '0020_create_sms_codes.sql'
