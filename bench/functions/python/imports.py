import asyncio, concurrent.futures, datetime, http.client, json, logging, urllib.request, uuid


def handler(input, ctx):
    return input
