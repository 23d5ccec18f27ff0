#include "cart.h"

#define LIMIT 3
#define MAX(a, b) ((a) > (b) ? (a) : (b))

typedef struct cart {
    int *items;
    size_t count;
} cart_t;

enum state { OPEN, PAID };

static int add(int a, int b);

/* The sum
   of all. */
int *cart_total(const struct cart *cart)
{
    int total = 0;
    for (size_t i = 0; i < cart->count; i++)
        total = add(total, cart->items[i]);
    return keep(total);
}
