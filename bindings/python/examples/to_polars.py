"""From a topic of JSON to a table of who bought what, in a few lines: run it as a script or in a notebook.

python to_polars.py SERVERS TOPIC
"""

# %%
import sys

import polars as pl

from kafka_rs import OFFSET_BEGINNING, Consumer, TopicPartition

servers, topic = sys.argv[1:3]

# %% All that is in the topic now, in columns: no Python object a message.
with Consumer({"bootstrap.servers": servers, "group.id": "notebook", "enable.auto.commit": False}) as consumer:
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    ends = {
        number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1] for number in partitions
    }
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    frames = []
    while any(place.offset < ends[place.partition] for place in consumer.position(consumer.assignment())):
        frames.append(pl.DataFrame(consumer.consume_arrow(100_000, timeout=1)))
        if not frames[-1].height:
            break

# %% The values are bytes; polars decodes them.
orders = pl.concat(frames).select(
    "timestamp",
    pl.col("value").cast(pl.String).str.json_decode(pl.Struct({"who": pl.String, "what": pl.String, "n": pl.Int64})),
)
table = orders.unnest("value").group_by("who", "what").agg(pl.col("n").sum()).sort("who", "what")
print(table)
