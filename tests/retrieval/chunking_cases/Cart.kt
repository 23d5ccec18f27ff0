package shop

import java.util.UUID

const val LIMIT = 3

/** A cart. */
@Serializable
data class Cart(val items: List<Item>) : Basket {
    val size: Int get() = items.size

    fun total(): Long = items.sumOf { it.price }

    companion object {
        fun load(key: String): Cart {
            return fetch(key)
        }
    }
}

interface Priced {
    val price: Long
}

enum class State { OPEN, PAID }

object Shop {
    fun open() {}
}

fun Cart.isFull(): Boolean = size > LIMIT

typealias Items = List<Item>
