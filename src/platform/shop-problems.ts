/** What mechanics, inventory and tickets say no with; a part of the catalogue, with its rules. */
export const SHOP_PROBLEMS = {
  customer_unknown: {
    status: 400,
    title: 'Customer not found', // kept
    explanation: 'The `customer_id` in the body names no customer.',
  },
  mechanic_unknown: {
    status: 400,
    title: 'Mechanic not found', // kept
    explanation: 'One of the `mechanic_ids` in the body names no mechanic.',
  },
  mechanic_email_taken: {
    status: 400,
    title: 'Email already associated with another mechanic', // kept
    explanation: 'Another mechanic has this e-mail address, perhaps in another spelling of the same address.',
  },
  nothing_created: {
    status: 400,
    title: 'No inventory item created',
    detail: 'None of the items can be added',
    explanation:
      'Every item of the list is wrong. `errors` tells why, by number of the item from 0 and field.',
  },
  inventory_item_not_found: {
    status: 404,
    title: 'Inventory item not found',
    explanation: 'No inventory item has this id.',
  },
  mechanic_not_found: {
    status: 404,
    title: 'Mechanic not found', // kept
    explanation: 'No mechanic has this id.',
  },
  ticket_not_found: {
    status: 404,
    title: 'Service ticket not found', // kept
    explanation: 'No service ticket has this id, or it is not yours.',
  },
  inventory_name_taken: {
    status: 409,
    title: 'Inventory item with this name already exists', // kept
    explanation: 'Another item has exactly this name.',
  },
  ticket_status_conflict: {
    status: 409,
    title: 'Status change not possible',
    explanation:
      'A ticket goes open, in_progress, awaiting_parts, in_progress, completed; any that is not completed can be cancelled.',
  },
} as const
