require "json"

module Shop
  LIMIT = 3

  # What a customer wants to buy.
  class Cart < Basket
    attr_reader :items

    def initialize(items)
      @items = items
    end

    def full?
      items.size > LIMIT
    end

    def self.load(key)
      new(fetch(key))
    end
  end
end
