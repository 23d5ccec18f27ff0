package shop

import scala.collection.mutable

/** A cart. */
case class Cart(items: List[Item]) extends Basket {
  def total: Long = items.map(_.price).sum

  def isFull(limit: Int): Boolean = {
    items.size > limit
  }
}

object Cart {
  val Limit = 3

  def load(key: String): Cart = fetch(key)
}

trait Priced {
  def price: Long
}

enum State:
  case Open, Paid
