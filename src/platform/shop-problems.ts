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
    explanation: 'The `mechanic_id` or one of the `mechanic_ids` in the body names no mechanic.',
  },
  mechanic_email_taken: {
    status: 400,
    title: 'Email already associated with another mechanic', // kept
    explanation: 'Another mechanic has this e-mail address, perhaps in another spelling of the same address.',
  },
  mechanic_already_assigned: {
    status: 400,
    title: 'Mechanic already assigned to this service ticket', // kept
    explanation: 'A mechanic is on a ticket once.',
  },
  mechanic_not_assigned: {
    status: 400,
    title: 'Mechanic is not assigned to this service ticket', // kept
    explanation: 'There is such a mechanic, but not on this ticket.',
  },
  no_changes_made: {
    status: 400,
    title: 'No mechanic changes made',
    detail: 'None of the changes can be made',
    explanation: 'Every change of the list is wrong. `errors` tells why, by list and place in it from 0.',
  },
  inventory_item_unknown: {
    status: 400,
    title: 'Inventory item not found',
    explanation: 'The `inventory_id` in the body names no inventory item.',
  },
  part_already_added: {
    status: 400,
    title: 'Inventory item already added to this service ticket', // kept
    explanation: 'An item is on a ticket once, with its quantity. Remove it first to change that.',
  },
  part_not_added: {
    status: 400,
    title: 'Inventory item is not assigned to this service ticket', // kept
    explanation: 'There is such an item, but not on this ticket.',
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
  mechanic_tied: {
    status: 409,
    title: 'Mechanic has an account',
    detail: 'This mechanic belongs to an account',
    explanation:
      'A mechanic has one account at most, and is not deleted while there is one: delete the account before, or give it another role.',
  },
  inventory_name_taken: {
    status: 409,
    title: 'Inventory item with this name already exists', // kept
    explanation: 'Another item has exactly this name.',
  },
  stock_exhausted: {
    status: 409,
    title: 'Not enough in stock',
    detail: 'There are fewer of this item left than are asked for',
    explanation:
      'Nothing was taken and the ticket is unchanged. The item’s quantity says how many there are.',
  },
  ticket_full: {
    status: 409,
    title: 'Service ticket is full',
    detail: 'A ticket has at most 20 mechanics and 50 different parts',
    explanation: 'Open another ticket for the rest of the work.',
  },
  ticket_status_conflict: {
    status: 409,
    title: 'Status change not possible',
    explanation:
      'A ticket goes open, in_progress, awaiting_parts, in_progress, completed; any that is not completed can be cancelled.',
  },
} as const
