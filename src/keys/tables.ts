import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** The keys that the Worker is configured with, as its cron sees them. */
export const keys = sqliteTable(
  'keys',
  {
    ring: text({ enum: ['secret', 'data'] }).notNull(),
    id: text().notNull(),
    /** The variable. */
    name: text().notNull(),
    firstSeenAt: integer('first_seen_at').notNull(),
    lastSeenAt: integer('last_seen_at').notNull(),
    /** When its age was last reported. */
    alertedAt: integer('alerted_at'),
  },
  (table) => [primaryKey({ columns: [table.ring, table.id] })],
)
