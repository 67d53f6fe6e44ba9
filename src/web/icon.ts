/** A nut. In the pages themselves, so that no browser asks for /favicon.ico. */
export const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%23c2410c' fill-rule='evenodd' d='M5 2h6l3.5 6-3.5 6H5L1.5 8zM8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z'/%3E%3C/svg%3E"
