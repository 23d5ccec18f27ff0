package shop

import "errors"

const Limit = 3

var (
	ErrFull = errors.New("full")
)

// Cart holds items.
type Cart struct {
	items []int
}

type Priced interface {
	Price() int
}

// Total is the sum.
func (c *Cart) Total() int {
	return sum(c.items)
}

func Load(key string) (*Cart, error) {
	return fetch(key)
}
