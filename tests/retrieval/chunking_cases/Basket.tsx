import React from "react";

type Props = { items: string[] };

export const Basket: React.FC<Props> = ({ items }) => {
  return (
    <ul className="basket">
      {items.map((item) => (
        <Line key={item} text={item} />
      ))}
    </ul>
  );
};

export default function Line({ text }: { text: string }) {
  return <li>{text}</li>;
}
