defmodule Shop.Cart do
  @moduledoc "A cart."

  @limit 3

  defstruct items: []

  @doc "The sum of all."
  @spec total(t()) :: integer()
  def total(%{items: items}) do
    Enum.sum(items)
  end

  def full?(cart) when is_map(cart), do: total(cart) > @limit

  defp fetch(key), do: Store.get(key)

  defmacro cart(items) do
    quote do: %Shop.Cart{items: unquote(items)}
  end
end
