#ifndef CART_H
#define CART_H

struct cart;

struct cart *cart_new(size_t count);
int cart_total(const struct cart *cart);

#endif
