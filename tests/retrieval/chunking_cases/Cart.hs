module Shop.Cart (Cart, total) where

import qualified Data.Map as Map

-- | What a customer wants to buy.
data Cart = Cart { items :: [Item] }

newtype Price = Price Int

type Items = [Item]

class Priced a where
  price :: a -> Int

instance Priced Cart where
  price = total

-- | The sum of all.
total :: Cart -> Int
total (Cart []) = 0
total cart = sum (map price (items cart))

limit :: Int
limit = 3
